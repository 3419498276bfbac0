"""``python -m bench.costs``: where the processor time of one request goes, program by program, in microseconds."""

import resource
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from bench import data, kept
from bench.load import Load, signed, wrk
from bench.people import SHOPPERS, tokens
from bench.processes import processor_seconds
from bench.programs import Shop, end_orderly, running, scratch
from bench.rows.orders import bodies
from bench.rows.reads import at_the_limit

CONNECTIONS = 16
SECONDS = 2
ROUNDS = 3
BARE = "bare server"
COLUMNS = ("client", BARE, "productos", "pedidos", "supervisor")


@dataclass(frozen=True)
class Work:
    """Something to ask for, and the process groups that answer it by name."""

    name: str
    load: Load
    groups: dict[str, int]


def main() -> int:
    end_orderly()
    wrk()
    with scratch() as folder:
        kept.copy_of(data.SMALL, folder, lambda _progress: None)
        shop = Shop(folder)
        with running(shop):
            asked = of_shop(shop, folder)
            limit = at_the_limit(folder, asked[0].load)
            with running(limit):
                bare = Work(
                    "bare WSGI, the same 42 KB", Load(limit.address, asked[0].load.file), {BARE: limit.group}
                )
                print(f"| one request | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 1)}")
                for work in (bare, *asked):
                    tell(work)
    return 0


def of_shop(shop: Shop, folder: Path) -> list[Work]:
    signed_in = tokens(shop)
    groups = {
        "productos": shop.group("productos"),
        "pedidos": shop.group("pedidos"),
        "supervisor": shop.supervisor,
    }
    everybody = zip(SHOPPERS, signed_in, strict=True)
    sent = {
        "GET /productos": ("productos", [signed("/productos", token) for token in signed_in]),
        "GET /health": ("productos", [signed("/health", "")]),
        "GET /productos/1": ("productos", [signed("/productos/1", token) for token in signed_in]),
        "GET /pedidos/usuario/{id}": (
            "pedidos",
            [signed(f"/pedidos/usuario/{n}", token) for n, token in everybody],
        ),
        "POST /pedidos": ("pedidos", bodies(signed_in)),
    }
    return [
        Work(name, Load.of(shop.address(program), requests, folder / f"requests-{number}"), groups)
        for number, (name, (program, requests)) in enumerate(sent.items())
    ]


def tell(work: Work) -> None:
    """Print the median of some rounds."""
    work.load.run(CONNECTIONS, 1)
    rounds = [costs(work) for _ in range(ROUNDS)]
    middle = {name: statistics.median(cost[name] for cost in rounds) for name in rounds[0]}
    cells = [f"{middle[name]:.0f}" if name in middle else "" for name in COLUMNS]
    print(f"| {work.name} | {' | '.join(cells)} |", flush=True)


def costs(work: Work) -> dict[str, float]:
    """Microseconds of processor time for each request, by program."""
    before = {name: processor_seconds(group) for name, group in work.groups.items()}
    own = children_seconds()
    turn = work.load.run(CONNECTIONS, SECONDS)
    used = {name: processor_seconds(group) - before[name] for name, group in work.groups.items()}
    used["client"] = children_seconds() - own
    return {name: seconds / turn.requests * 1e6 for name, seconds in used.items()}


def children_seconds() -> float:
    """The processor time of the children that have ended: of wrk."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
