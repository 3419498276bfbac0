"""Where the processor time of one request goes, program by program."""

import resource
import statistics
from dataclasses import dataclass
from pathlib import Path

from bench import data, kept
from bench.load import Load, signed
from bench.people import SHOPPERS, tokens
from bench.processes import processor_seconds
from bench.programs import Shop, running, scratch
from bench.rounds import Session
from bench.rows.orders import bodies
from bench.rows.reads import at_the_limit

CONNECTIONS = 16
ROUNDS = 3
CLIENT, BARE = "client", "bare server"


@dataclass(frozen=True)
class Work:
    """Something to ask for, and the process groups that answer it by name."""

    name: str
    load: Load
    groups: dict[str, int]


def costs(session: Session) -> None:
    """Microseconds that the client, the service, its neighbours and the supervisor each spend on one request."""
    with scratch() as folder:
        kept.copy_of(data.SMALL, folder, session.say)
        shop = Shop(folder)
        with running(shop):
            asked = of_shop(shop, folder)
            limit = at_the_limit(folder, asked[0].load)
            with running(limit):
                bare = Work(
                    "bare WSGI, the same 42 KB", Load(limit.address, asked[0].load.file), {BARE: limit.group}
                )
                for work in (bare, *asked):
                    session.say(work.name)
                    session.result.costs[work.name] = of_one_request(work, session)


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


def of_one_request(work: Work, session: Session) -> dict[str, float]:
    work.load.run(CONNECTIONS, 1)
    rounds = [one_round(work, session.seconds) for _ in range(min(ROUNDS, session.rounds))]
    return {name: statistics.median(cost[name] for cost in rounds) for name in rounds[0]}


def one_round(work: Work, seconds: float) -> dict[str, float]:
    """Microseconds of processor time for each request, by program."""
    before = {name: processor_seconds(group) for name, group in work.groups.items()}
    own = children_seconds()
    turn = work.load.run(CONNECTIONS, seconds)
    used = {name: processor_seconds(group) - before[name] for name, group in work.groups.items()}
    used[CLIENT] = children_seconds() - own
    return {name: spent / turn.requests * 1e6 for name, spent in used.items()}


def children_seconds() -> float:
    """The processor time of the children that have ended: of wrk."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
