"""Rounds in which the shop and what it is compared with take turns."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.findings import Curve, Finding, Result, Spread, Target
from bench.load import Load, Measured
from bench.noise import Guard

SHOP = "shop"


@dataclass
class Session:
    """One run of the benchmark. ``say`` tells how far it is."""

    quick: bool
    say: Callable[[str], None]
    result: Result = field(default_factory=Result)

    def __post_init__(self) -> None:
        self.guard = Guard(repeats=0) if self.quick else Guard()

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 5

    @property
    def seconds(self) -> float:
        return 1 if self.quick else 2

    @property
    def connections(self) -> tuple[int, ...]:
        return (16,) if self.quick else (16, 64)

    def take_turns(
        self,
        what: str,
        loads: dict[str, Load],
        connections: int,
        seconds: float | None = None,
        rounds: int = 0,
    ) -> dict[str, list[Measured]]:
        """What each load measured, round by round. The shop's failed requests are noted by ``compare``."""
        taken: dict[str, list[Measured]] = {name: [] for name in loads}
        for load in loads.values():
            load.check()
            load.run(connections, 1)
        wanted = min(rounds or self.rounds, self.rounds)
        for number in range(wanted):
            for name, load in loads.items():
                self.say(f"{what}, {connections} connections, round {number + 1} of {wanted}: {name}")
                taken[name].append(self._turn(load, connections, seconds or self.seconds))
        for name, turns in taken.items():
            self.result.curves.append(Curve(f"{what}, {connections} connections", name, middle(turns)))
        return taken

    def _turn(self, load: Load, connections: int, seconds: float) -> Measured:
        return self.guard.quietly(lambda: load.run(connections, seconds))

    def compare(
        self,
        row: str,
        work: str,
        taken: dict[str, list[Measured]],
        against: str,
        target: Target | None,
        shop: str = SHOP,
    ) -> None:
        """Note the ratio of the rates."""
        ours, theirs = taken[shop], taken[against]
        share = against == "limit"
        ratio = Spread.of_ratios([turn.rate for turn in ours], [turn.rate for turn in theirs])
        if share:
            ratio = Spread(100 * ratio.median, 100 * ratio.low, 100 * ratio.high)
        self.note(row, work, against, "%" if share else "×", ratio, target, rates(ours, theirs), failed(ours))
        errors = failed(theirs)
        if errors:
            answered = sum(turn.requests for turn in theirs)
            self.result.notes.append(f"{work}: {against} failed in {errors} of {answered} requests")

    def compare_p99(
        self,
        row: str,
        work: str,
        taken: dict[str, list[Measured]],
        against: str,
        target: Target,
        shop: str = SHOP,
    ) -> None:
        """Note how many times shorter the shop's p99 is."""
        ours, theirs = taken[shop], taken[against]
        ratio = Spread.of_ratios([turn.p99 for turn in theirs], [turn.p99 for turn in ours])
        figures = f"p99 {p99(ours):.1f} ms against {p99(theirs):.0f} ms"
        self.note(row, f"{work}, p99 shorter", against, "×", ratio, target, figures, failed(ours))

    def note(
        self,
        row: str,
        work: str,
        against: str,
        unit: str,
        spread: Spread,
        target: Target | None,
        figures: str = "",
        errors: int = 0,
    ) -> None:
        self.result.findings.append(Finding(row, work, against, unit, spread, target, figures, errors))


def rates(ours: list[Measured], theirs: list[Measured]) -> str:
    mine, other = (statistics.median(turn.rate for turn in turns) for turns in (ours, theirs))
    return f"{mine:,.0f}/s against {other:,.0f}/s, p99 {p99(ours):.1f} ms against {p99(theirs):.1f} ms"


def p99(turns: list[Measured]) -> float:
    return statistics.median(turn.p99 for turn in turns)


def failed(turns: list[Measured]) -> int:
    return sum(turn.failed for turn in turns)


def middle(turns: list[Measured]) -> dict[float, float]:
    """The median of the rounds at each percentile."""
    return {share: statistics.median(turn.latency[share] for turn in turns) for share in turns[0].latency}
