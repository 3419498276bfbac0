"""The report of growth: a table and charts beside the benchmark's own."""

from dataclasses import dataclass, field
from pathlib import Path

from bench import charts
from bench.findings import Finding
from bench.noise import Guard
from bench.report import FOLDER, machine, table

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass
class Engine:
    """What was found on one database engine. ``calls``: name, ms in the small shop, ms in the large one, whether well."""

    name: str
    findings: list[Finding] = field(default_factory=list)
    calls: list[tuple[str, float, float, bool]] = field(default_factory=list)
    memory: dict[str, dict[str, float]] = field(default_factory=dict)


def write(engines: list[Engine], guard: Guard, folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    for engine in engines:
        title = f"What growth costs on {NAMES[engine.name]}"
        (folder / f"growth-{engine.name}.svg").write_text(charts.growth(title, engine.calls))
    memory = {
        f"{NAMES[engine.name]}, {size} shop": parts
        for engine in engines
        for size, parts in engine.memory.items()
    }
    chart = charts.stacked("Memory (PSS) after all these calls", memory, 200, "MiB")
    (folder / "growth-memory.svg").write_text(chart)
    (folder / "growth.md").write_text(document(engines, guard))


def document(engines: list[Engine], guard: Guard) -> str:
    tables = "\n\n".join(f"## {NAMES[one.name]}\n\n{table(one.findings)}" for one in engines)
    pictures = [f"growth-{engine.name}" for engine in engines] + ["growth-memory"]
    drawn = "\n\n".join(f"![{name}]({name}.svg)" for name in pictures)
    return f"""# What growth costs

Written by `make bench-growth`: a shop of 100 000 products, 1 000 000 orders and 10 000 accounts beside one of 100 products,
both running at once and asked in turns by one client.

{tables}

- {machine()}
- {guard.turns} turns, of which {guard.repeated} were repeated for noise and {guard.noisy} stayed noisy

{drawn}
"""
