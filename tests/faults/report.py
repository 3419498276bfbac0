"""docs/faults.md: what was broken, what clients were told meanwhile, and that nothing was lost."""

import os
import platform
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.history import OK, REFUSED, UNKNOWN

NAMES = {
    "F1": "kill -9 at every sync, write and message of an order",
    "F2": "kill -9 between messages",
    "F3": "random kills under load",
    "F4": "programs that stand still and go on",
    "F5": "messages doubled, late, in disorder",
    "F6": "replies lost",
    "F7": "slow, dripping, silent, unread",
    "F8": "nonsense in place of replies",
    "F9": "a full disk",
    "F11": "a locked database, a reader that does not end",
    "F12": "wrong clocks and zones",
    "F13": "rolling restart with a new key",
    "F14": "slow sockets, sign-ins, few files, little memory",
    "F15": "backup under load, half a restore",
    "F16": "bad starts",
    "F17": "power cuts",
    "model": "random histories compared with a model (`tests/model`)",
}
COUNTS = ("calls", OK, REFUSED, UNKNOWN, "orders", "kills")
COLOURS = {OK: "#2f7d4f", REFUSED: "#c98a1b", UNKNOWN: "#8a8f98"}


@dataclass
class Fault:
    """What the tests of one fault came to."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    served: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, properties: dict[str, float]) -> None:
        self.counts.update({name: int(properties.get(name, 0)) for name in COUNTS})
        self.served = max(self.served, properties.get("served", 0.0))

    @property
    def result(self) -> str:
        words = [f"{self.failed} failed"] if self.failed else []
        words += [f"{self.passed} survived"] if self.passed else []
        return ", ".join(words + ([f"{self.skipped} not possible here"] if self.skipped else []))


def write(folder: Path, faults: dict[str, Fault], reasons: Counter[str], seed: int, seconds: float) -> None:
    """``reasons``: why tests could not run here, and how many."""
    known = [(name, faults[name]) for name in NAMES if name in faults]
    total = Fault()
    for _, fault in known:
        total.passed, total.failed = total.passed + fault.passed, total.failed + fault.failed
        total.skipped, total.seconds = total.skipped + fault.skipped, total.seconds + fault.seconds
        total.served = max(total.served, fault.served)
        total.counts.update(fault.counts)
    lines = [
        "# Faults survived",
        "",
        f"Written by `make faults`; `make faults SEED={seed}` repeats it. {seconds / 60:.0f} minutes on {machine()}.",
        "",
        "Each test breaks a running shop (four programs, on SQLite and on PostgreSQL), heals it, waits for recovery, and",
        "compares what clients were told with the databases and lists (`tests/faults/checker.py`, invariants I1 to I12).",
        "*Unknown* is a call whose connection broke or whose page says that it does not know; *served* is the longest time",
        "from the end of a fault until all four programs served again.",
        "",
        "![How calls ended under each fault](images/faults.svg)",
        "",
        "| | fault | tests | calls | ok | refused | unknown | orders | kills | served, s | s |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(row(name, NAMES[name], fault) for name, fault in known),
        row("", "**all**", total),
    ]
    if reasons:
        lines += [
            "",
            "Not possible here:",
            "",
            *(f"- {reason} ({times})" for reason, times in reasons.most_common()),
        ]
    (folder / "faults.md").write_text("\n".join(lines) + "\n")
    (folder / "images" / "faults.svg").write_text(chart(known))


def row(name: str, words: str, fault: Fault) -> str:
    counts = " | ".join(f"{fault.counts[count]:,}".replace(",", " ") for count in COUNTS)
    return f"| {name} | {words} | {fault.result} | {counts} | {fault.served:.1f} | {fault.seconds:.0f} |"


def machine() -> str:
    return (
        f"{os.cpu_count()} processors, {platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def chart(known: list[tuple[str, Fault]]) -> str:
    """How the calls of each fault ended, as shares of a bar."""
    shown = [(name, fault) for name, fault in known if fault.counts["calls"]]
    height = 22 * len(shown) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" font-family="sans-serif" font-size="12" role="img"'
        ' aria-label="Shares of calls that ended ok, refused and unknown, by fault">'
    ]
    for place, outcome in enumerate(COLOURS):
        column = 60 + 110 * place
        parts.append(f'<rect x="{column}" y="6" width="12" height="12" fill="{COLOURS[outcome]}"/>')
        parts.append(f'<text x="{column + 18}" y="16" fill="#667">{outcome}</text>')
    for line, (name, fault) in enumerate(shown):
        top, left = 28 + 22 * line, 60.0
        parts.append(f'<text x="50" y="{top + 13}" text-anchor="end" fill="#667">{name}</text>')
        for outcome, colour in COLOURS.items():
            width = 480 * fault.counts[outcome] / max(1, sum(fault.counts[one] for one in COLOURS))
            parts.append(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="16" fill="{colour}"/>')
            left += width
        parts.append(f'<text x="550" y="{top + 13}" fill="#667">{fault.counts["calls"]} calls</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
