"""A shop whose orders reach the catalogue through a proxy, and the audit of what must hold whatever happened."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.ports import free_port
from tests.proxy import Proxy, running
from tests.shop import Person, Service, Shop

GRACIA = 1.0
SETTLED = 12.0  # seconds in which everything unfinished must have ended: grace, a lease, sweeps


class SagaShop(Shop):
    """A shop with ``proxy`` between pedidos and productos."""

    proxy: Proxy


@contextmanager
def saga_shop(folder: Path, database: str, **environment: str) -> Iterator[SagaShop]:
    """Running, with a short grace."""
    with running() as proxy:
        settings = {"PRODUCTOS_URL": proxy.url, "PEDIDOS_GRACIA": str(GRACIA), **environment}
        shop = SagaShop(folder, database, settings)
        shop.proxy = proxy
        proxy.target = shop.productos.port
        try:
            shop.start()
            assert shop.admin.id == 1
            yield shop
        finally:
            shop.stop()


@contextmanager
def another_pedidos(shop: Shop, **environment: str) -> Iterator[Service]:
    """A second instance of pedidos on the shop's database, at a port of its own."""
    first, port = shop.pedidos, free_port()
    settings = {**shop.environment, **environment, "PEDIDOS_PORT": str(port)}
    other = Service("pedidos", first.folder, settings, first.database, port)
    other.start()
    try:
        yield other
    finally:
        other.kill()


def poll(condition: Callable[[], Any], seconds: float = SETTLED) -> Any:
    """What ``condition`` gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.02)
    return found


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Every work in a thread of its own, started at one instant."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait(30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def statuses(answers: list[requests.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def attempt(shop: Shop, person: Person, product: int, key: str) -> int | None:
    """The status of an order, None where the connection broke."""
    try:
        return shop.a_pedido(person, product, 1, key).status_code
    except requests.ConnectionError:
        return None


def edit(shop: Shop, producto_id: int, **changes: Any) -> None:
    """Change a product as an administrator does."""
    path = f"/productos/{producto_id}"
    seen = shop.productos.get(path, shop.admin.token).headers["ETag"]
    answer = shop.productos.patch(path, shop.admin.token, json=changes, headers={"If-Match": seen})
    assert answer.status_code == 200, answer.text


def stock(shop: Shop, producto_id: int) -> int:
    rows = shop.productos.sql("SELECT stock FROM productos WHERE id = :id", id=producto_id)
    return int(rows[0][0])


def phases(shop: Shop, producto_id: int) -> list[str]:
    """The phases of a product's orders, by number."""
    rows = shop.pedidos.sql("SELECT fase FROM pedidos WHERE producto_id = :id ORDER BY id", id=producto_id)
    return [fase for (fase,) in rows]


def orders(shop: Shop, producto_id: int) -> list[int]:
    """The quantities of a product's orders that are shown, by number."""
    page = shop.pedidos.get("/pedidos?limite=500", shop.admin.token).json()["pedidos"]
    return [pedido["cantidad"] for pedido in reversed(page) if pedido["producto_id"] == producto_id]


def settle(shop: Shop) -> None:
    """Wait until nothing is unfinished, then audit."""
    unfinished = "SELECT id, fase FROM pedidos WHERE fase IN ('intento', 'abortando', 'devolviendo')"
    poll(lambda: not shop.pedidos.sql(unfinished))
    audit(shop)


def audit(shop: Shop) -> None:
    """Stock, reservations and orders agree (reliability.md section 4: I1, I2, I3, I12), read from both databases."""
    held = {
        (row.id, row.producto_id, row.cantidad)
        for row in shop.productos.sql(
            "SELECT id, producto_id, cantidad FROM reservas WHERE estado = 'tomada'"
        )
    }
    placed = {
        (row.reserva_id, row.producto_id, row.cantidad)
        for row in shop.pedidos.sql(
            "SELECT reserva_id, producto_id, cantidad FROM pedidos"
            " WHERE fase = 'confirmado' AND reserva_id IS NOT NULL"
        )
    }
    assert held == placed, f"held without an order: {held - placed}; ordered without a hold: {placed - held}"
    for row in shop.productos.sql(
        "SELECT p.id, p.stock,"
        " (SELECT coalesce(sum(cantidad), 0) FROM movimientos m WHERE m.producto_id = p.id) AS ledger,"
        " (SELECT coalesce(sum(cantidad), 0) FROM reservas r"
        "  WHERE r.producto_id = p.id AND r.estado = 'tomada' AND r.contada = 1) AS held"
        " FROM productos p WHERE p.stock IS NOT NULL"
    ):
        assert row.stock >= 0, f"product {row.id} is oversold"
        assert row.stock + row.held == row.ledger, f"product {row.id}: {row}"
    wrong = shop.pedidos.sql("SELECT id FROM pedidos WHERE total <> precio_unitario * cantidad")
    assert not wrong, f"totals: {wrong}"
    if shop.backend == "sqlite":
        for service in (shop.pedidos, shop.productos):
            assert service.sql("PRAGMA integrity_check")[0][0] == "ok"
