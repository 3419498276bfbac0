"""What was found: a figure of the shop beside another one of the same run, and whether it is as good as it must be."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, with the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    @classmethod
    def of_ratios(cls, shop: Sequence[float], other: Sequence[float]) -> "Spread":
        """Round by round: what stood side by side is compared."""
        return cls.of([one / beside for one, beside in zip(shop, other, strict=True)])


@dataclass(frozen=True)
class Target:
    """The least or the most that a figure may be."""

    kind: Literal["least", "most"]
    value: float

    def reached(self, figure: float) -> bool:
        return figure >= self.value if self.kind == "least" else figure <= self.value


def least(value: float) -> Target:
    return Target("least", value)


def most(value: float) -> Target:
    return Target("most", value)


@dataclass(frozen=True)
class Finding:
    """One figure. ``work`` and ``against`` say what is compared, ``figures`` what both measured; errors make it invalid."""

    row: str
    work: str
    against: str
    unit: str
    spread: Spread
    target: Target | None
    figures: str = ""
    errors: int = 0

    @property
    def missed(self) -> bool:
        return self.errors > 0 or (self.target is not None and not self.target.reached(self.spread.median))


@dataclass(frozen=True)
class Curve:
    """Latencies in milliseconds by percentile, for a chart: one line of ``chart`` named ``name``."""

    chart: str
    name: str
    latency: dict[float, float]


@dataclass
class Result:
    """All that a run found. ``bars`` are MiB by program, by moment; ``costs`` microseconds of processor time by program, by
    request; ``broken`` are rows that did not work.
    """

    findings: list[Finding] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    bars: dict[str, dict[str, float]] = field(default_factory=dict)
    costs: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
