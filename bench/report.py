"""The report: a table in Markdown, charts beside it, and a list of what misses its target."""

from bench.findings import Finding, Result, Spread, Target

BY_UNIT = {
    "×": "{:.3g}×",
    "%": "{:.0f} %",
    "MiB": "{:.0f} MiB",
    "s": "{:.2f} s",
    "ms": "{:.3g} ms",
    "/s": "{:,.0f}/s",
}


def figure(value: float, unit: str) -> str:
    return BY_UNIT[unit].format(value).replace(",", "\u202f")


def spread(found: Spread, unit: str) -> str:
    if found.low == found.high:
        return ""
    return f"{figure(found.low, unit)} – {figure(found.high, unit)}"


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


def table(result: Result) -> str:
    lines = ["| work | against | target | measured | spread | | figures |", "|---|---|---|---|---|---|---|"]
    for found in result.findings:
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
    return "\n".join([*lines, "", *(f"- {note}" for note in result.notes)])


def missed(result: Result) -> str:
    found = [finding for finding in result.findings if finding.missed]
    if not found and not result.broken:
        return "Every target is reached."
    return "\n".join(
        [
            *(f"Broken: {trouble}" for trouble in result.broken),
            "Missed:",
            *(
                f"  {one.work}, against {one.against}: {figure(one.spread.median, one.unit)},"
                f" target {target(one.target, one.unit)}"
                for one in found
            ),
        ]
    )


def write(result: Result, *, quick: bool) -> None:
    """To be drawn."""
