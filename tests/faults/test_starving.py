"""No room (F9), a database that another holds (F11), too many sockets, tries, files, bytes (F14): refused, never broken."""

import os
import resource
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.api.processes import at_once
from tests.api.sagas import poll
from tests.faults.checker import LIMITS
from tests.faults.conftest import Stage, staged
from tests.faults.customers import Crowd, an_intention
from tests.faults.history import OK, REFUSED
from tests.faults.selection import chosen
from tests.faults.supervisor import FaultyShop
from tests.operations.test_starved import held
from tests.shop import Service

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")
MEGABYTE = 1024 * 1024


def room(folder: Path, megabytes: int) -> bool:
    """Whether a small disk could be mounted on ``folder``."""
    if os.geteuid() != 0:
        return False
    options = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    return subprocess.run(options, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not room(folder, 8):
        pytest.skip("only root may mount a small disk, where mounting is allowed at all")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take every byte that is left."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


@pytest.fixture
def small_stage(small_disk: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A shop whose databases, the storefront's too, stand on the small disk."""
    folder = tmp_path / "shop"
    folder.mkdir()
    database = str(small_disk / "storefront.db")
    shop = FaultyShop(folder, f"sqlite:///{small_disk / 'database.db'}", STOREFRONT_DATABASE=database)
    try:
        shop.start()
        yield from staged(shop, tmp_path, request)
    finally:
        shop.stop()


def test_a_full_disk(small_stage: Stage, small_disk: Path) -> None:
    """F9: nothing is bought and everything can be read; with room again all goes on, and nobody started anything anew."""
    shop = small_stage.shop
    product = shop.a_producto(stock=100_000)
    customers = [small_stage.a_customer() for _ in range(4)] + [small_stage.a_shopper() for _ in range(2)]
    processes = [program.process for program in shop.programs]
    with Crowd(customers, [product], small_stage.seed):
        small_stage.until_more_ok()
        filler = fill(small_disk)
        refused = small_stage.history.outcomes()[REFUSED]
        poll(lambda: small_stage.history.outcomes()[REFUSED] > refused + 20)
        for program, path in (
            (shop.pedidos, f"/pedidos/usuario/{shop.admin.id}"),
            (shop.productos, "/productos"),
            (shop.storefront, "/productos"),
            *((program, "/health") for program in shop.programs),
        ):
            answer = program.get(path, shop.admin.token)
            assert answer.status_code == 200, f"{program.name} {path}: {answer.text[:300]}"
        filler.unlink()
        small_stage.until_more_ok()
    assert [program.process for program in shop.programs] == processes


def test_a_full_disk_for_logs(small_disk: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """F9: a log line that cannot be written is lost, an order is not."""
    data = tmp_path / "data"
    data.mkdir()
    shop = FaultyShop(
        small_disk, f"sqlite:///{data / 'database.db'}", STOREFRONT_DATABASE=str(data / "storefront.db")
    )
    try:
        shop.start()
        for stage in staged(shop, tmp_path, request):
            fill(small_disk)
            customer, shopper, product = stage.a_customer(), stage.a_shopper(), shop.a_producto(stock=5)
            assert customer.order(an_intention(customer.person, product)).outcome == OK
            bought = poll(partial(shopper.ready_to_buy, product))
            assert shopper.confirm(*bought).outcome == OK
    finally:
        shop.stop()


LOCKED = [(name, seconds) for name in ("pedidos", "productos", "usuarios") for seconds in (1.0, 20.0)]
SHORT = [("pedidos", 1.0), ("productos", 4.0)]


@pytest.mark.parametrize(("name", "seconds"), chosen(LOCKED, SHORT))
def test_a_locked_database(stage: Stage, name: str, seconds: float) -> None:
    """F11: another process holds the lock; an order waits for a second of it, and is refused in time beyond that."""
    shop, product = stage.shop, stage.shop.a_producto(stock=100_000)
    customers = [stage.a_customer() for _ in range(3)] + [stage.a_shopper() for _ in range(2)]
    waiting = stage.a_customer()
    # Held before anybody orders: PostgreSQL's tables are locked one after another.
    with held(shop.program(name)) as let_go, Crowd(customers, [product], stage.seed):
        timer = threading.Timer(seconds, let_go)
        timer.start()
        told = waiting.order(an_intention(waiting.person, product))
        timer.join()
        if name != "usuarios":
            assert told.outcome == (OK if seconds <= 1 else REFUSED)
            assert told.seconds > 0.9
        stage.until_more_ok()


@SQLITE
def test_a_locked_storefront(stage: Stage) -> None:
    """F11: the storefront cannot write down what it would send, so it sends nothing and says so."""
    shop, product, shopper = stage.shop, stage.shop.a_producto(stock=5), stage.a_shopper()
    bought = poll(partial(shopper.ready_to_buy, product))
    file = shop.storefront.environment["STOREFRONT_DATABASE"]
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert shopper.confirm(*bought).outcome != OK
    poll(lambda: shopper.confirm(*bought).outcome == OK)


@SQLITE
def test_a_reader_that_does_not_end(stage: Stage) -> None:
    """F11: the write-ahead log grows while somebody reads an old moment, and is bounded again after."""
    shop, product = stage.shop, stage.shop.a_producto(stock=10_000)
    customers = [stage.a_customer() for _ in range(6)]
    log = shop.folder / "pedido.db-wal"
    with closing(sqlite3.connect(f"file:{shop.folder / 'pedido.db'}?mode=ro", uri=True)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM pedidos").fetchone()
        with Crowd(customers, [product], stage.seed):
            time.sleep(chosen([60.0], [4.0])[0])
        grown = log.stat().st_size
    with Crowd(customers, [product], stage.seed):
        poll(lambda: log.stat().st_size <= max(grown, 16 * MEGABYTE))
    assert stage.history.outcomes()[OK] > 20


def slow_sockets(program: Service, number: int, stack: ExitStack) -> None:
    """Connections that say the beginning of a request and no more."""
    for _ in range(number):
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", program.port), timeout=5))
        connection.sendall(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")


@pytest.mark.parametrize("name", chosen(["pedidos", "productos", "usuarios", "storefront"], ["storefront"]))
def test_two_hundred_slow_sockets(stage: Stage, name: str) -> None:
    """F14: those who say nothing keep nobody waiting."""
    shop, product = stage.shop, stage.shop.a_producto(stock=100_000)
    customers = [stage.a_customer() for _ in range(3)] + [stage.a_shopper() for _ in range(2)]
    with ExitStack() as stack:
        slow_sockets(shop.program(name), 200, stack)
        with Crowd(customers, [product], stage.seed):
            stage.until_more_ok(30)
            assert shop.program(name).get("/health").status_code == 200


def test_many_sign_ins_at_once(stage: Stage) -> None:
    """F14: a flood of wrong passwords delays those who order, and breaks nothing."""
    shop, product = stage.shop, stage.shop.a_producto(stock=100_000)
    customers = [stage.a_customer() for _ in range(3)]

    def wrong(number: int) -> int:
        body = {"email": f"nadie{number}@pingui.test", "password": "equivocada"}
        with suppress(requests.RequestException):
            return shop.usuarios.post("/login", json=body, timeout=60).status_code
        return 0

    with Crowd(customers, [product], stage.seed):
        told = [
            status
            for turn in range(chosen([10], [2])[0])
            for status in at_once(wrong, range(turn * 50, turn * 50 + 50))
        ]
        assert shop.usuarios.get("/health").status_code == 200
    assert set(told) <= {401, 429, 503}, set(told)
    assert stage.history.outcomes()[OK] > 3


@contextmanager
def limited(program: Service, what: int, much: int) -> Iterator[None]:
    """Give a program less of something for a while."""
    process = program.pid
    before = resource.prlimit(process, what)
    resource.prlimit(process, what, (much, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(process, what, before)


@pytest.mark.parametrize("name", chosen(["pedidos", "productos", "storefront"], ["pedidos"]))
def test_few_file_descriptors(stage: Stage, name: str) -> None:
    """F14: a program that may open no more files refuses and goes on when it may."""
    shop, product = stage.shop, stage.shop.a_producto(stock=100_000)
    program = shop.program(name)
    customers = [stage.a_customer() for _ in range(4)] + [stage.a_shopper() for _ in range(4)]
    seconds = chosen([10.0], [3.0])[0]
    # A connection that cannot be accepted waits in the listening socket.
    stage.late = dict.fromkeys(LIMITS, seconds + 2)
    used = len(list(Path(f"/proc/{program.pid}/fd").iterdir()))
    with Crowd(customers, [product], stage.seed), ExitStack() as stack:
        with limited(program, resource.RLIMIT_NOFILE, used + 4):
            slow_sockets(program, 12, stack)
            time.sleep(seconds)
        stack.close()
        stage.until_more_ok()


@pytest.mark.parametrize("name", chosen(["pedidos", "productos", "storefront"], ["pedidos"]))
def test_little_memory(stage: Stage, name: str) -> None:
    """F14: a program that gets no more memory may refuse or die; it is back by itself."""
    shop, product = stage.shop, stage.shop.a_producto(stock=100_000)
    program = shop.program(name)
    customers = [stage.a_customer() for _ in range(4)] + [stage.a_shopper() for _ in range(4)]
    stage.late, stage.starved = dict.fromkeys(LIMITS, 15.0), True
    used = Path(f"/proc/{program.pid}/status").read_text().split("VmSize:")[1].split()[0]
    with Crowd(customers, [product], stage.seed):
        with limited(program, resource.RLIMIT_AS, int(used) * 1024 + MEGABYTE):
            time.sleep(chosen([10.0], [3.0])[0])
        stage.until_more_ok()
