"""A disk that is full and a database that another process holds: 503, never a lie, and well again by itself (P16, F9, F11)."""

import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.api.sagas import poll, settle
from tests.operations.load import stands
from tests.operations.programs import faults
from tests.shop import Service, Shop, a_key

LONGEST_ANSWER = 3.5  # an order's three seconds, and what a busy machine adds


@contextmanager
def no_space(service: Service) -> Iterator[None]:
    """No file of the service can grow: neither its database nor its log."""
    worker = service.pid
    before = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(worker, resource.RLIMIT_FSIZE, before)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Over files: PostgreSQL's disk is its own matter."""
    yield from running_shop(tmp_path, f"sqlite:///{tmp_path / 'database.db'}")


def running_shop(folder: Path, database: str) -> Iterator[Shop]:
    shop = Shop(folder, database, {"PEDIDOS_GRACIA": "1"})
    try:
        shop.start()
        assert shop.admin.id == 1
        yield shop
    finally:
        shop.stop()


@pytest.mark.parametrize("starved", ["pedidos", "productos"])
def test_a_full_disk_refuses_orders_and_nothing_else(shop: Shop, starved: str) -> None:
    person, product = shop.person(), shop.a_producto(stock=50)
    first = shop.a_pedido(person, product)
    assert first.status_code == 201
    key = a_key()
    with no_space(getattr(shop, starved)):
        for attempt in (key, None, None):
            answer = shop.a_pedido(person, product, 1, attempt)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert shop.pedidos.get(first.headers["Location"], person.token).status_code == 200
        assert len(shop.productos.get("/productos", person.token).json()) == 1
        assert {service.get("/health").status_code for service in shop.services} == {200}
        assert {service.get("/ready").status_code for service in shop.services} == {200}
    poll(lambda: shop.a_pedido(person, product, 1, key).status_code == 201)
    settle(shop)
    assert len(stands(shop)) == 2
    assert faults(shop) == []


def test_a_full_disk_refuses_accounts_and_products(shop: Shop) -> None:
    account = {"nombre": "Ana", "email": "ana@pingui.test", "password": "contraseña 1"}
    with no_space(shop.usuarios), no_space(shop.productos):
        refused = [
            shop.usuarios.post("/registro", json=account),
            shop.productos.post("/productos", shop.admin.token, json={"nombre": "Taza", "precio": 1}),
        ]
        assert [answer.status_code for answer in refused] == [503, 503]
        assert shop.sign_in(shop.admin.email, shop.admin.password).id == 1
    assert shop.usuarios.post("/registro", json=account).status_code == 201
    assert shop.a_producto() == 1
    assert faults(shop) == []


@contextmanager
def held(service: Service) -> Iterator[Callable[[], None]]:
    """Another process keeps everybody from writing; gives what lets go."""
    if service.database.startswith("sqlite"):
        connection = sqlite3.connect(
            service.database.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
        )
        with closing(connection):
            connection.execute("BEGIN IMMEDIATE")
            yield connection.rollback
        return
    with psycopg.connect(service.database, options=f"-c search_path={service.name}") as server:
        for (table,) in server.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        ).fetchall():
            server.execute(f'LOCK TABLE "{table}" IN EXCLUSIVE MODE'.encode())
        yield server.rollback


@pytest.fixture(scope="module")
def lockable(base_url: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("lockable")
    yield from running_shop(folder, base_url(folder))


@pytest.mark.parametrize("locked", ["pedidos", "productos"])
def test_a_short_lock_is_waited_for(lockable: Shop, locked: str) -> None:
    product = lockable.a_producto(stock=5)
    with held(getattr(lockable, locked)) as let_go:
        threading.Timer(1.0, let_go).start()
        begun = time.monotonic()
        answer = lockable.a_pedido(lockable.admin, product)
    assert answer.status_code == 201
    assert 0.9 < time.monotonic() - begun < LONGEST_ANSWER


@pytest.mark.parametrize("locked", ["pedidos", "productos"])
def test_a_long_lock_is_not(lockable: Shop, locked: str) -> None:
    product, key = lockable.a_producto(stock=5), a_key()
    with held(getattr(lockable, locked)) as let_go:
        begun = time.monotonic()
        answer = lockable.a_pedido(lockable.admin, product, 1, key)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert 1.5 < time.monotonic() - begun < LONGEST_ANSWER
        assert lockable.pedidos.get("/pedidos", lockable.admin.token).status_code == 200
        assert lockable.productos.get("/productos", lockable.admin.token).status_code == 200
        assert getattr(lockable, locked).get("/ready").status_code == 200
        let_go()
    poll(lambda: lockable.a_pedido(lockable.admin, product, 1, key).status_code == 201)
    settle(lockable)
    assert faults(lockable) == []
