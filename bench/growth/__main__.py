"""``python -m bench.growth [--only sqlite|postgresql]``: both shops run at once and take turns; writes the report.

One client asks for one thing after another: what is compared is how long an answer takes.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from bench import data
from bench.findings import Finding, Spread, most
from bench.growth.calls import CALLS, Call
from bench.growth.engines import Shops, on_postgresql, on_sqlite
from bench.growth.report import Engine, write
from bench.growth.visited import Visited
from bench.load import LoadError
from bench.noise import Guard
from bench.programs import Shop, end_orderly, running
from bench.report import table
from operations.progress import done, reporter

ROUNDS = 5
STARTS = 3
SIZES = (data.SMALL, data.LARGE)
ENGINES: dict[str, Callable[[tuple[data.Size, ...], data.Say], AbstractContextManager[Shops]]] = {
    "sqlite": on_sqlite,
    "postgresql": on_postgresql,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description="Measures a large shop.")
    parser.add_argument("--only", choices=list(ENGINES), help="one database engine, without a report")
    asked = parser.parse_args()
    end_orderly()
    guard, measured = Guard(), []
    for name in [asked.only] if asked.only else ENGINES:
        say, started = reporter(name), time.monotonic()
        try:
            with ENGINES[name](SIZES, say) as shops:
                measured.append(measure(name, shops, guard, say))
        except LoadError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        done(name, f"{time.monotonic() - started:.0f} s")
    print("\n\n".join(table(engine.findings) for engine in measured))
    if not asked.only:
        write(measured, guard)
    for found in (found for engine in measured for found in engine.findings if found.missed):
        print(f"missed: {found.work}, {found.figures}")
    return 0


def measure(name: str, shops: Shops, guard: Guard, say: data.Say) -> Engine:
    """Start times first, one shop after the other; then every call, in turns; then what memory that took."""
    engine = Engine(name)
    starts = {
        size: [seconds_to_start(shop, size, say) for _ in range(STARTS)] for size, shop in shops.items()
    }
    with running(*shops.values()):
        small, large = (Visited(size, shop) for size, shop in shops.items())
        for call in CALLS:
            compare(engine, call, small, large, guard, say)
        for visited in (small, large):
            engine.memory[visited.size.name] = visited.memory()
    note_start(engine, starts[data.SMALL], starts[data.LARGE])
    note_memory(engine)
    return engine


def seconds_to_start(shop: Shop, size: data.Size, say: data.Say) -> float:
    say(f"starting the {size.name} shop")
    try:
        return shop.start()
    finally:
        shop.stop()


def compare(engine: Engine, call: Call, small: Visited, large: Visited, guard: Guard, say: data.Say) -> None:
    taken: dict[str, list[float]] = {"small": [], "large": []}
    both = {"small": small, "large": large}
    for visited in both.values():
        visited.p95(call)
    for number in range(ROUNDS):
        say(f"{call.name}, round {number + 1} of {ROUNDS}")
        for name, visited in both.items():
            taken[name].append(guard.quietly(partial(visited.p95, call)))
    before, after = (statistics.median(values) for values in taken.values())
    figures = f"p95 {after:.1f} ms against {before:.1f} ms"
    work = f"{engine.name}: {call.name}"
    if call.flat:
        ratio = Spread.of_ratios(taken["large"], taken["small"])
        found = Finding("growth", work, "a shop of 100", "×", ratio, call.target, figures)
    else:
        found = Finding("growth", work, "–", "ms", Spread.of(taken["large"]), call.target, figures)
    engine.findings.append(found)
    engine.calls.append((call.name, before, after, not found.missed))
    done(work, figures)


def note_start(engine: Engine, small: list[float], large: list[float]) -> None:
    ratio = Spread.of_ratios(large, small)
    figures = f"{statistics.median(large):.2f} s against {statistics.median(small):.2f} s to the first page"
    engine.findings.append(
        Finding("growth", f"{engine.name}: start", "a shop of 100", "×", ratio, most(1.2), figures)
    )


def note_memory(engine: Engine) -> None:
    totals = {name: sum(parts.values()) for name, parts in engine.memory.items()}
    large = totals[data.LARGE.name]
    figures = f"{large:.0f} MiB against {totals[data.SMALL.name]:.0f} MiB (PSS of all four)"
    work = f"{engine.name}: memory after all these calls"
    engine.findings.append(
        Finding("growth", work, "–", "MiB", Spread(large, large, large), most(200), figures)
    )


if __name__ == "__main__":
    sys.exit(main())
