"""The auditor names what is broken, each row of it, and nothing else (P19)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.operations.load import Buyers
from tests.operations.programs import CLEAN, audit, by_hand, faults, program
from tests.shop import Shop, a_key


@pytest.fixture(scope="module")
def shop(base_url: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Its services run; the tests break its rows and mend them."""
    folder = tmp_path_factory.mktemp("audited")
    shop = Shop(folder, base_url(folder))
    try:
        shop.start()
        shop.admin  # noqa: B018 - the first account
        yield shop
    finally:
        shop.stop()


class Sold(NamedTuple):
    """An order of two units of a product with a stock of five, by its numbers."""

    product: int
    order: int
    reservation: str
    buyer: int
    key: str


@pytest.fixture(scope="module")
def sold(shop: Shop) -> Sold:
    buyer, product, key = shop.person(), shop.a_producto(precio=12.5, stock=5), a_key()
    answer = shop.a_pedido(buyer, product, 2, key)
    order = int(answer.headers["Location"].rsplit("/", 1)[1])
    rows = shop.pedidos.sql("SELECT reserva_id FROM pedidos WHERE id = :id", id=order)
    return Sold(product, order, rows[0].reserva_id, buyer.id, key)


class Corruption(NamedTuple):
    """A change of rows by hand, what mends it, and the beginnings of the lines that the auditor says, sorted."""

    service: str
    broken: str
    mended: str
    lines: tuple[str, ...]


TRUST = "UPDATE pedidos SET {} WHERE id = :order"
HELD = "UPDATE reservas SET {} WHERE id = :reservation"
SETTLED = 60.0
ORDER = "INSERT INTO pedidos (id, usuario_id, producto_id, cantidad, estado, version, fase, intento_n, {}) VALUES "
CORRUPTIONS = {
    "stock below zero": Corruption(
        "productos",
        "UPDATE productos SET stock = -1 WHERE id = :product",
        "UPDATE productos SET stock = 3 WHERE id = :product",
        ("I1 producto {product}: its stock is -1", "I2 producto {product}: stock -1 + held 2 is not"),
    ),
    "stock that no ledger explains": Corruption(
        "productos",
        "UPDATE productos SET stock = 4 WHERE id = :product",
        "UPDATE productos SET stock = 3 WHERE id = :product",
        ("I2 producto {product}: stock 4 + held 2 is not the 5 of its ledger",),
    ),
    "an order whose reservation is gone": Corruption(
        "pedidos",
        TRUST.format("reserva_id = 'f0000000-0000-4000-8000-000000000000'"),
        TRUST.format("reserva_id = :reservation"),
        (
            "I3 pedido {order}: confirmado, its reservation f0000000-0000-4000-8000-000000000000 is missing",
            "I3 reserva {reservation}: holds 2 of producto {product} for no order",
        ),
    ),
    "an order whose stock went back": Corruption(
        "productos",
        HELD.format("estado = 'cancelada'"),
        HELD.format("estado = 'tomada'"),
        (
            "I2 producto {product}: stock 3 + held 0 is not the 5 of its ledger",
            "I3 pedido {order}: confirmado, its reservation {reservation} is cancelada",
        ),
    ),
    "stock held for an order that was undone": Corruption(
        "pedidos",
        TRUST.format("fase = 'abortado'"),
        TRUST.format("fase = 'confirmado'"),
        ("I3 pedido {order}: abortado, its reservation {reservation} is still held",),
    ),
    "an order of another quantity": Corruption(
        "pedidos",
        TRUST.format("cantidad = 1, total = 1250"),
        TRUST.format("cantidad = 2, total = 2500"),
        (
            "I3 pedido {order}: confirmado, its reservation {reservation} is of 2 of producto {product}, not 1 of {product}",
        ),
    ),
    "an order cancelled without its stock": Corruption(
        "pedidos",
        TRUST.format("estado = 'cancelado'"),
        TRUST.format("estado = 'pendiente'"),
        ("I3 pedido {order}: its estado cancelado and its fase confirmado contradict each other",),
    ),
    "stock held for no order": Corruption(
        "pedidos",
        "UPDATE pedidos SET reserva_id = NULL, precio_unitario = NULL, total = NULL WHERE id = :order",
        TRUST.format("reserva_id = :reservation, precio_unitario = 1250, total = 2500"),
        ("I3 reserva {reservation}: holds 2 of producto {product} for no order",),
    ),
    "two orders with one reservation": Corruption(
        "pedidos",
        ORDER.format("reserva_id, precio_unitario, total, moneda")
        + "(0, :buyer, :product, 2, 'pendiente', 1, 'confirmado', 1, :reservation, 1250, 2500, 'MXN')",
        "DELETE FROM pedidos WHERE id = 0",
        ("I4 pedidos 0 and {order}: both have the reservation {reservation}",),
    ),
    "an order unfinished for long": Corruption(
        "pedidos",
        ORDER.format("reserva_id, creado_en") + "(0, 1, 1, 1, 'pendiente', 1, 'abortando', 1, 'none', 0)",
        "DELETE FROM pedidos WHERE id = 0",
        ("I7 pedido 0: abortando for",),
    ),
    "an order of another price": Corruption(
        "pedidos",
        TRUST.format("precio_unitario = 1, total = 2"),
        TRUST.format("precio_unitario = 1250, total = 2500"),
        ("I12 pedido {order}: confirmado, its reservation {reservation} has the price 1250 MXN, not 1 MXN",),
    ),
    "a total that is none": Corruption(
        "pedidos",
        TRUST.format("total = 2501"),
        TRUST.format("total = 2500"),
        ("I12 pedido {order}: its total 2501 is not 1250 × 2",),
    ),
    "a reservation of no product": Corruption(
        "productos",
        "INSERT INTO reservas (id, estado, producto_id, cantidad, contada, creado_en)"
        " VALUES ('lost', 'rechazada', 900, 1, 0, 0)",
        "DELETE FROM reservas WHERE id = 'lost'",
        ("I8 productos: reservas.producto_id = 900 names no row of productos",),
    ),
    "ids that would be given again": Corruption(
        "usuarios",
        "UPDATE contador SET ultimo = ultimo - 1",
        "UPDATE contador SET ultimo = ultimo + 1",
        ("I4 usuario {buyer}: the counter of ids is at",),
    ),
    "two orders of one key": Corruption(
        "pedidos",
        ORDER.format("clave, precio_unitario, total")
        + "(0, :buyer, :product, 2, 'pendiente', 1, 'confirmado', 1, :key, 1250, 2500)",
        "DELETE FROM pedidos WHERE id = 0",
        ("I4 pedidos 0 and {order} of usuario {buyer}: one key placed both",),
    ),
}


@pytest.fixture(scope="module")
def unguarded(shop: Shop) -> None:
    """What a hand cannot write past is taken away."""
    shop.pedidos.sql("DROP INDEX pedidos_clave")
    if shop.backend == "postgresql":
        shop.pedidos.sql("ALTER TABLE pedidos DROP CONSTRAINT total_exacto")
        shop.productos.sql("ALTER TABLE productos DROP CONSTRAINT productos_stock")


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_corruption_is_named_and_nothing_else(shop: Shop, sold: Sold, name: str) -> None:
    corruption = CORRUPTIONS[name]
    service, numbers = getattr(shop, corruption.service), sold._asdict()

    def write(statement: str) -> None:
        by_hand(service, statement, **{name: numbers[name] for name in numbers if f":{name}" in statement})

    write(corruption.broken)
    found = sorted(faults(shop, SETTLED))
    write(corruption.mended)
    assert len(found) == len(corruption.lines), found
    for line, expected in zip(found, corruption.lines, strict=True):
        assert line.startswith(expected.format(**numbers))
    assert faults(shop, SETTLED) == []


def test_the_program_says_each_fault_in_a_line(shop: Shop, sold: Sold) -> None:
    by_hand(shop.pedidos, TRUST.format("total = 2501"), order=sold.order)
    found = audit(shop)
    by_hand(shop.pedidos, TRUST.format("total = 2500"), order=sold.order)
    said = f"I12 pedido {sold.order}: its total 2501 is not 1250 × 2\naudit of usuarios, productos, pedidos: 1 faults\n"
    assert found == (1, said, "")
    assert audit(shop) == (0, CLEAN, "")


def test_a_database_that_is_not_there_is_not_an_empty_one(shop: Shop) -> None:
    found = program("services.auditar", shop, PEDIDOS_DATABASE_URL="sqlite:///nowhere.db")
    assert found == (2, "", f"audit: pedidos: there is no {shop.folder / 'nowhere.db'}\n")


def test_a_damaged_file_is_named(shop: Shop, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 64)
    found = program("services.auditar", shop, "pedidos", PEDIDOS_DATABASE_URL=f"sqlite:///{damaged}")
    assert found.status == 1
    assert found.lines.startswith("I8 pedidos: ")


def test_it_never_cries_wolf_while_people_buy(shop: Shop) -> None:
    people = [shop.person() for _ in range(6)]
    products = [shop.a_producto(stock=40), shop.a_producto(stock=10_000), shop.a_producto()]
    with Buyers(shop, people, products) as buyers:
        found: list[list[str]] = []
        while len(found) < 12 or len(buyers.cancelled) < 12 or buyers.statuses[409] <= 10:
            found.append(faults(shop, SETTLED))
    assert [seen for seen in found if seen] == []
