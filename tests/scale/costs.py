"""``python -m tests.scale.costs [sqlite|postgresql] [1|2]``: what a request costs each program, in processor milliseconds.

One or two of each program (two need PostgreSQL; nginx and Redis join them). The figures of docs/scale.md are from here; run it
on a machine that does nothing else. ``wrk`` drives; what it costs itself is not counted.
"""

import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from bench.load import Load, Request, signed
from bench.processes import PARENT, SYSTEM_TIME, TICKS, USER_TIME, stats
from tests import postgres, redis_server
from tests.e2e.running import Storefront
from tests.scale.shop import Scaled
from tests.scale.visits import Shopper
from tests.shop import Person, Shop

SECONDS = 4.0
CONNECTIONS = 8
PRODUCTS, ORDERS = 100, 20
BUYERS = 4


@dataclass
class Running:
    """A shop to measure: where a client finds each program, and the processes behind each name."""

    services: Shop
    storefront: str
    pids: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def processor_seconds(self) -> dict[str, float]:
        """What each name has used so far, children and ended children included."""
        every = dict(stats())
        parents = {pid: int(stat[PARENT]) for pid, stat in every.items()}

        def used(root: int) -> float:
            tree = {root}
            while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
                tree |= more
            places = (USER_TIME, SYSTEM_TIME, USER_TIME + 2, SYSTEM_TIME + 2)
            return sum(int(every[pid][place]) for pid in tree if pid in every for place in places) / TICKS

        return {name: sum(map(used, roots)) for name, roots in self.pids.items()}


@contextmanager
def single(folder: Path, engine: str) -> Iterator[Running]:
    """One of each program, as `make run` starts them."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres.running()) if engine == "postgresql" else None
        database = server.new_database("costs") if server else f"sqlite:///{folder / 'database.db'}"
        shop = Shop(folder, database)
        stack.callback(shop.stop)
        shop.start()
        assert shop.admin.id == 1
        storefront = Storefront(folder, shop.environment)
        stack.callback(storefront.kill)
        storefront.start()
        running = Running(shop, storefront.url)
        for service in shop.services:
            running.pids[service.name].append(_pid(service.process))
        running.pids["storefront"].append(_pid(storefront.process))
        if server:
            running.pids["database"].append(_postmaster(server))
        yield running


@contextmanager
def pairs(folder: Path) -> Iterator[Running]:
    """Two of each program behind nginx, over PostgreSQL and Redis."""
    place = folder / "redis"
    place.mkdir()
    with postgres.running() as server, redis_server.running(place) as redis:
        shop = Scaled(folder, server.new_database("costs"), redis)
        try:
            shop.start()
            running = Running(shop.services, shop.storefronts[0].url)
            for name, twins in shop.twins.items():
                running.pids[name] += [_pid(twin.process) for twin in twins]
            running.pids["storefront"] += [_pid(one.process) for one in shop.storefronts]
            running.pids["database"].append(_postmaster(server))
            running.pids["redis"].append(_pid(redis.process))
            running.pids["nginx"].append(_pid(shop.nginx.process))
            yield running
        finally:
            shop.stop()


def _pid(process: object) -> int:
    pid = getattr(process, "pid", None)
    assert isinstance(pid, int)
    return pid


def _postmaster(server: postgres.PostgreSQL) -> int:
    return int((server.folder / "data/postmaster.pid").read_text().split("\n", 1)[0])


@dataclass(frozen=True)
class Row:
    """A kind of request: how many were answered in how many seconds, and what each cost every program (ms)."""

    name: str
    requests: int
    seconds: float
    p99: float
    milliseconds: dict[str, float]


def costed(running: Running, name: str, work: Callable[[], tuple[int, float, float]]) -> Row:
    """``work`` gives requests, seconds and the 99th percentile in milliseconds."""
    before = running.processor_seconds()
    requests_done, seconds, p99 = work()
    after = running.processor_seconds()
    each = {program: (after[program] - before[program]) * 1000 / max(requests_done, 1) for program in after}
    return Row(name, requests_done, seconds, p99, each)


def driven(address: str, request: Request, folder: Path) -> Callable[[], tuple[int, float, float]]:
    load = Load.of(address, [request], folder / "requests.txt")

    def work() -> tuple[int, float, float]:
        measured = load.run(CONNECTIONS, SECONDS)
        assert measured.failed == 0, measured
        return measured.requests, measured.seconds, measured.p99

    for _ in range(5):
        load.check()  # what is compiled and cached once is not what a request costs
    return work


class Purchases:
    """Shoppers who put a product into the cart, review, confirm and look at the outcome: five pages, one order."""

    def __init__(self, address: str, people: list[Person], product: int) -> None:
        self._sessions = [self._signed_in(address, person) for person in people]
        self._address, self._product = address, product

    @staticmethod
    def _signed_in(address: str, person: Person) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.headers["Sec-Fetch-Site"] = "same-origin"
        fields = {"email": person.email, "password": person.password}
        answer = session.post(f"{address}/entrar", fields, allow_redirects=False, timeout=10)
        assert answer.status_code == 303
        return session

    def _buy(self, session: requests.Session) -> float:
        begun = time.monotonic()
        shopper = Shopper(self._address, session, self._address.removeprefix("http://"))
        answer = shopper.buy(self._product)
        assert answer.status_code == 303
        assert shopper.get(answer.headers["Location"]).status_code == 200
        return time.monotonic() - begun

    def __call__(self) -> tuple[int, float, float]:
        taken: list[float] = []
        begun = time.monotonic()

        def shop(session: requests.Session) -> None:
            while time.monotonic() < begun + SECONDS:
                taken.append(self._buy(session))

        threads = [threading.Thread(target=shop, args=(session,)) for session in self._sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(taken), time.monotonic() - begun, sorted(taken)[int(len(taken) * 0.99)] * 1000


def rows(running: Running, folder: Path) -> Iterator[Row]:
    shop = running.services
    products = [shop.a_producto(nombre=f"Producto {number}", stock=10**8) for number in range(PRODUCTS)]
    people = [shop.person() for _ in range(BUYERS)]
    buyer = people[0]
    for _ in range(ORDERS):
        assert shop.a_pedido(buyer, products[0]).status_code == 201
    usuarios, productos, pedidos = (service.url for service in shop.services)
    login = f'{{"email":"{buyer.email}","password":"{buyer.password}"}}'
    order = f'{{"producto_id":{products[1]},"cantidad":1}}'
    sign_in = Request("/login", "POST", {"Content-Type": "application/json"}, login)
    session = Purchases._signed_in(running.storefront, buyer)
    cookies = {"Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)}
    for name, address, request in (
        ("`POST /login`", usuarios, sign_in),
        ("`GET /productos`, 100 products", productos, signed("/productos", buyer.token)),
        ("`GET /productos/{id}`", productos, signed(f"/productos/{products[2]}", buyer.token)),
        (
            "`GET /pedidos/usuario/{id}`, 20 orders",
            pedidos,
            signed(f"/pedidos/usuario/{buyer.id}", buyer.token),
        ),
        ("catalogue page, a stranger", running.storefront, Request("/productos")),
        ("catalogue page, signed in", running.storefront, Request("/productos", "GET", cookies)),
        (
            "product page, signed in",
            running.storefront,
            Request(f"/productos/{products[2]}-producto-2", "GET", cookies),
        ),
        ("orders page, signed in", running.storefront, Request("/pedidos", "GET", cookies)),
    ):
        yield costed(running, name, driven(address, request, folder))
    yield costed(
        running, "`POST /pedidos`", driven(pedidos, signed("/pedidos", people[1].token, order), folder)
    )
    purchases = Purchases(running.storefront, people, products[3])
    yield costed(running, "a purchase in the shop: 5 pages, 1 order", purchases)


def main() -> None:
    engine = sys.argv[1] if len(sys.argv) > 1 else "sqlite"
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory(prefix="pingui-costs-") as made:
        folder = Path(made)
        with pairs(folder) if number == 2 else single(folder, engine) as running:
            programs = list(running.pids)
            print(f"{number} of each, {engine}, {os.cpu_count()} processors, {CONNECTIONS} connections")
            print("| request | per second | p99 ms |", " | ".join(programs), "| sum |")
            print("|---" * (len(programs) + 4) + "|")
            for row in rows(running, folder):
                each = [f"{row.milliseconds[program]:.2f}" for program in programs]
                total = sum(row.milliseconds.values())
                print(
                    f"| {row.name} | {row.requests / row.seconds:.0f} | {row.p99:.0f} |",
                    " | ".join(each),
                    f"| {total:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
