"""The report's charts: how far every figure is from its target, latencies, memory, and what growth costs."""

import math
from collections.abc import Sequence

from bench.findings import Curve, Finding
from bench.svg import Drawing

WIDTH = 960
LINE = 26
COLOURS = {"shop": "a", "original": "b", "fastapi": "c", "limit": "d"}
OTHERS = ("a", "b", "c", "d")
DASHES = {"a": "", "b": "7 4", "c": "2 3", "d": "10 3 2 3"}


def against_targets(findings: Sequence[Finding], labels: Sequence[tuple[str, str]]) -> str:
    """One line for each finding: how many times better than its target, lowest to highest, on a logarithmic scale.

    ``labels`` are each finding's name and figure.
    """
    left, right, top = 430, WIDTH - 150, 50
    drawing = Drawing(WIDTH, top + LINE * len(findings) + 34, "Every figure beside its target")
    drawing.text(0, 20, "Every figure beside its target: right of the line it is reached", "title")

    def place(times: float) -> float:
        return left + (right - left) * (math.log(min(8.0, max(0.125, times)), 8) + 1) / 2

    bottom = top + LINE * len(findings)
    for times, text in (
        (0.125, "⅛"),
        (0.25, "¼"),
        (0.5, "½"),
        (1, "target"),
        (2, "2×"),
        (4, "4×"),
        (8, "8×"),
    ):
        drawing.line(place(times), top - 8, place(times), bottom, "goal" if times == 1 else "grid")
        drawing.text(place(times), bottom + 18, text, "small middle")
    for number, (found, (name, figure)) in enumerate(zip(findings, labels, strict=True)):
        y = top + LINE * number + LINE / 2
        low, middle, high = (times_better(found, value) for value in ends(found))
        kind = "bad" if found.missed else "good"
        drawing.text(left - 14, y + 4, name, "end")
        drawing.line(place(low), y, place(high), y, kind)
        drawing.dot(place(middle), y, f"{kind} hollow" if found.missed else kind)
        drawing.text(right + 16, y + 4, figure, "small")
    return drawing.finished()


def ends(found: Finding) -> tuple[float, float, float]:
    return found.spread.low, found.spread.median, found.spread.high


def times_better(found: Finding, value: float) -> float:
    assert found.target is not None
    return (
        value / found.target.value if found.target.kind == "least" else found.target.value / max(value, 1e-9)
    )


def latencies(curves: Sequence[Curve]) -> str:
    """A small chart for each kind of work: milliseconds at each percentile, on a logarithmic scale."""
    charts: dict[str, list[Curve]] = {}
    for curve in curves:
        charts.setdefault(curve.chart, []).append(curve)
    across, width, height = 2, WIDTH / 2, 230
    rows = math.ceil(len(charts) / across)
    drawing = Drawing(WIDTH, height * rows, "Latency at each percentile")
    for number, (title, lines) in enumerate(charts.items()):
        draw_latencies(drawing, number % across * width, number // across * height, title, lines)
    return drawing.finished()


def draw_latencies(drawing: Drawing, x0: float, y0: float, title: str, curves: list[Curve]) -> None:
    left, right, top, bottom = x0 + 44, x0 + 320, y0 + 44, y0 + 196
    shares = list(curves[0].latency)
    amounts = [amount for curve in curves for amount in curve.latency.values() if amount > 0]
    lowest, highest = math.floor(math.log10(min(amounts))), math.ceil(math.log10(max(amounts)))
    highest = max(highest, lowest + 1)

    def height_of(milliseconds: float) -> float:
        share = (math.log10(max(milliseconds, 10**lowest)) - lowest) / (highest - lowest)
        return bottom - (bottom - top) * share

    drawing.text(x0, y0 + 14, title, "title")
    for power in range(lowest, highest + 1):
        drawing.line(left, height_of(10**power), right, height_of(10**power), "grid")
        drawing.text(left - 6, height_of(10**power) + 4, f"{10**power:g}", "small end")
    step = (right - left) / (len(shares) - 1)
    for number, share in enumerate(shares):
        drawing.text(left + number * step, bottom + 16, f"{share:g}", "small middle")
    drawing.text(left - 6, top - 8, "ms", "small end")
    taken: list[float] = []
    by_end = sorted(enumerate(curves), key=lambda numbered: -max(numbered[1].latency.values()))
    for number, curve in by_end:
        kind = COLOURS.get(curve.name, OTHERS[number % len(OTHERS)])
        points = [
            (left + place * step, height_of(amount)) for place, amount in enumerate(curve.latency.values())
        ]
        drawing.curve(points, kind, DASHES[kind])
        label = max([points[-1][1] + 4, *(y + 13 for y in taken)])
        taken.append(label)
        drawing.text(right + 6, label, curve.name, "small")


def stacked(title: str, bars: dict[str, dict[str, float]], goal: float, unit: str) -> str:
    """A bar for each thing, made of named parts, and the most that it may be."""
    left, right, top = 250, WIDTH - 90, 60
    names = list(dict.fromkeys(part for parts in bars.values() for part in parts))
    drawing = Drawing(WIDTH, top + 42 * len(bars) + 30, title)
    drawing.text(0, 20, title, "title")
    longest = max([goal * 1.05, *(sum(parts.values()) for parts in bars.values())])
    for number, name in enumerate(names):
        drawing.bar(left + number * 130, 34, 12, 12, OTHERS[number % len(OTHERS)])
        drawing.text(left + number * 130 + 18, 45, name, "small")
    for number, (name, parts) in enumerate(bars.items()):
        x, y = float(left), top + 42 * number
        drawing.text(left - 12, y + 19, name, "end")
        for part, amount in parts.items():
            width = (right - left) * amount / longest
            drawing.bar(x, y, width - 1, 28, OTHERS[names.index(part) % len(OTHERS)])
            x += width
        drawing.text(right + 12, y + 19, f"{sum(parts.values()):.0f} {unit}", "small")
    if goal:
        place = left + (right - left) * goal / longest
        drawing.line(place, top - 10, place, top + 42 * len(bars), "goal")
        drawing.text(place, top + 42 * len(bars) + 16, f"at most {goal:g} {unit}", "small middle")
    return drawing.finished()


def growth(title: str, pairs: Sequence[tuple[str, float, float, bool]]) -> str:
    """A line from what a call takes in a small shop to what it takes in a large one: name, both in ms, whether well."""
    left, right, top = 430, WIDTH - 150, 60
    drawing = Drawing(WIDTH, top + LINE * len(pairs) + 34, title)
    drawing.text(0, 20, title, "title")
    amounts = [amount for _name, small, large, _good in pairs for amount in (small, large)]
    lowest, highest = math.floor(math.log10(min(amounts))), math.ceil(math.log10(max(amounts)))

    def place(milliseconds: float) -> float:
        return left + (right - left) * (math.log10(milliseconds) - lowest) / max(1, highest - lowest)

    bottom = top + LINE * len(pairs)
    for power in range(lowest, highest + 1):
        drawing.line(place(10**power), top - 8, place(10**power), bottom, "grid")
        drawing.text(place(10**power), bottom + 18, f"{10**power:g} ms", "small middle")
    for number, (name, small, large, good) in enumerate(pairs):
        y, kind = top + LINE * number + LINE / 2, "good" if good else "bad"
        drawing.text(left - 14, y + 4, name, "end")
        drawing.line(place(small), y, place(large), y, kind)
        drawing.dot(place(small), y, f"{kind} hollow", 3.5)
        drawing.dot(place(large), y, kind)
        drawing.text(right + 16, y + 4, f"{small:.1f} → {large:.1f} ms", "small")
    drawing.text(left, 44, "○ 100 products   ● 100 000 products, 1 000 000 orders; p95, logarithmic", "small")
    return drawing.finished()
