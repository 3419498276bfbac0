"""The report: a table in Markdown, charts beside it, and a list of what misses its target."""

import datetime as dt
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench import charts
from bench.findings import Finding, Result, Spread, Target
from bench.programs import ROOT

FOLDER = Path(__file__).parent / "report"
BY_UNIT = {
    "×": "{:.3g}×",
    "%": "{:.0f} %",
    "MiB": "{:.0f} MiB",
    "s": "{:.2f} s",
    "ms": "{:.3g} ms",
    "": "{:,.0f}",
}
PEERS = ("original", "fastapi", "limit")
SHORTER = {
    "GET /pedidos/usuario/{id}": "GET /pedidos/usuario",
    "with the whole protocol": "whole protocol",
    "while everybody signs in": "beside logins",
    "GET /productos, 100 products": "GET /productos",
    "memory (PSS) of all four": "memory",
    "on a prepared tree to the first page": "to the first page",
    "while two calls hang 300 ms": "two calls hang",
}
CONNECTIONS = re.compile(r", (\d+) connections")


def figure(value: float, unit: str) -> str:
    return BY_UNIT[unit].format(value).replace(",", "\u202f")


def spread(found: Spread, unit: str) -> str:
    return "" if found.low == found.high else f"{figure(found.low, unit)} – {figure(found.high, unit)}"


def target(asked: Target | None, unit: str) -> str:
    if asked is None:
        return "–"
    return f"{'≥' if asked.kind == 'least' else '≤'} {figure(asked.value, unit)}"


def verdict(finding: Finding) -> str:
    if finding.errors:
        return f"**{finding.errors} errors**"
    if finding.target is None:
        return "–"
    return "**missed**" if finding.missed else "reached"


def table(findings: Sequence[Finding]) -> str:
    lines = ["| work | against | target | measured | spread | | figures |", "|---|---|---|---|---|---|---|"]
    for found in findings:
        cells = (
            found.work,
            found.against,
            target(found.target, found.unit),
            figure(found.spread.median, found.unit),
            spread(found.spread, found.unit),
            verdict(found),
            found.figures,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def cost_table(costs: dict[str, dict[str, float]]) -> str:
    """Microseconds of processor time by program; what spends less than half of one is left out."""
    programs = list(dict.fromkeys(name for cost in costs.values() for name in cost))
    lines = [f"| one request | {' | '.join(programs)} |", "|---" * (len(programs) + 1) + "|"]
    for request, cost in costs.items():
        cells = (f"{cost[name]:.0f}" if cost.get(name, 0) >= 0.5 else "" for name in programs)
        lines.append(f"| {request} | {' | '.join(cells)} |")
    return "\n".join(lines)


def missed(result: Result) -> str:
    """What to print at the end: what did not work, and what misses its target."""
    lines = [f"Broken: {trouble}" for trouble in result.broken]
    found = [finding for finding in result.findings if finding.missed]
    if found:
        lines.append("Missed:")
    for one in found:
        asked = target(one.target, one.unit)
        lines.append(
            f"  {one.work}, against {one.against}: {figure(one.spread.median, one.unit)}, target {asked}"
        )
    return "\n".join(lines) or "Every target is reached."


def write(result: Result, folder: Path = FOLDER) -> None:
    """Write the table, its charts and the figures behind them into ``folder``."""
    folder.mkdir(exist_ok=True)
    aimed = [found for found in result.findings if found.target]
    drawn = {"targets": charts.against_targets(aimed, [label(found) for found in aimed])}
    if result.curves:
        drawn["latency"] = charts.latencies(result.curves)
    if result.bars:
        drawn["memory"] = charts.stacked("Memory of the four programs (PSS)", result.bars, 200, "MiB")
    for name, drawing in drawn.items():
        (folder / f"{name}.svg").write_text(drawing)
    (folder / "figures.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    (folder / "README.md").write_text(document(result, list(drawn)))


def document(result: Result, drawn: list[str]) -> str:
    pictures = "\n\n".join(f"![{name}]({name}.svg)" for name in drawn)
    costs = ""
    if result.costs:
        costs = f"\nMicroseconds of processor time that one request costs each program:\n\n{cost_table(result.costs)}\n"
    notes = "\n".join(f"- {note}" for note in [machine(), *result.notes, *result.broken])
    return f"""# Where the shop stands

Written by `make bench`. Every figure is a comparison within one run: the shop and what it is compared with took turns on
the same machine, client and servers sharing its cores. *Measured* is the median of the rounds, *spread* the lowest and
the highest. Charts show latencies by percentile.
[docs/performance.md](../../docs/performance.md) explains them.

{table(result.findings)}

{notes}

{pictures}
{costs}"""


def label(found: Finding) -> tuple[str, str]:
    """A finding in few words, and its figure beside its target, for a chart."""
    work = CONNECTIONS.sub(r" (\1)", found.work)
    for long, shorter in SHORTER.items():
        work = work.replace(long, shorter)
    name = f"{work} / {found.against}" if found.against in PEERS else work
    return name, f"{figure(found.spread.median, found.unit)} ({target(found.target, found.unit)})"


def machine() -> str:
    """Where and of what this was measured, in one line."""
    version = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    processor = names[0] if names else platform.machine()
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return (
        f"{today}, version {version.stdout.strip() or 'unknown'}, {os.cpu_count()} cores of {processor},"
        f" Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"
    )
