"""Products of the original service: none lost, all readable, upgraded once (contract.md section 6)."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.api.catalogues import ADMIN, CLIENT, TOKENS, add, edit, names, read, unbalanced
from tests.shop import Service, Shop

TABLE = (
    "CREATE TABLE productos (id INTEGER PRIMARY KEY AUTOINCREMENT, nombre TEXT NOT NULL,"
    " precio REAL NOT NULL, descripcion TEXT)"
)
# id, nombre, precio, descripcion; then what is answered: nombre, precio, descripcion, precio_original
ROWS: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = [
    ((1, "Laptop", 1299.99, "De 14 pulgadas"), ("Laptop", 1299.99, "De 14 pulgadas", None)),
    ((2, "Ratón", 20, None), ("Ratón", 20, "", None)),
    ((4, "Gratis", "gratis", ""), ("Gratis", None, "", "gratis")),
    ((5, "Medio", 0.125, "x"), ("Medio", 0.13, "x", None)),
    ((6, "Flotante", 0.1 + 0.2, "x"), ("Flotante", 0.3, "x", None)),
    ((7, "Mil veinte", 1.005, "x"), ("Mil veinte", 1.01, "x", None)),
    ((8, "Negativo", -5.555, "x"), ("Negativo", -5.56, "x", None)),
    ((9, "Enorme", 1e300, "x"), ("Enorme", None, "x", "1e+300")),
    ((10, "Infinito", float("inf"), "x"), ("Infinito", None, "x", "inf")),
    ((11, "", 0, "\n"), ("", 0, "\n", None)),
    ((12, 5, "12", 7), ("5", 12, "7", None)),
    ((13, b"Bytes \xff", b"\x00\x01", b"\xfe"), ("Bytes \ufffd", None, "\ufffd", "\ufffd\x01")),
    ((14, "<b>" * 200, "1,299.90", "x" * 20_000), ("<b>" * 200, None, "x" * 20_000, "1,299.90")),
    ((15, "Nulo\x00dentro", 9_999_999_999.5, "\u202e"), ("Nulo\ufffddentro", 9_999_999_999.5, "\u202e", None)),
]  # fmt: skip
LAST = 40  # the number of a product that was deleted
REPORTED = {5, 6, 7, 8} | {row[0] for row, answered in ROWS if answered[1] is None}


def an_old_file(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as old:
        old.execute(TABLE)
        for row, _ in ROWS:
            old.execute("INSERT INTO productos VALUES (?, ?, ?, ?)", row)
        old.execute("INSERT INTO productos VALUES (?, 'Borrado', 1, '')", (LAST,))
        old.execute("DELETE FROM productos WHERE id = ?", (LAST,))


@pytest.fixture(scope="module", params=["productos.db", "database.db"])
def productos(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """productos alone, over an old file of its own or the original's single one."""
    folder = tmp_path_factory.mktemp("old")
    an_old_file(folder / request.param)
    shop = Shop(folder, f"sqlite:///{folder / 'database.db'}", {"DEMO": "true"})
    shop.productos.start()
    yield shop.productos
    shop.stop()


def test_every_row_is_readable_as_it_was(productos: Service) -> None:
    listed = {each["id"]: each for each in productos.get("/productos", CLIENT).json()}
    assert sorted(listed) == [row[0] for row, _ in ROWS]
    for row, answered in ROWS:
        one = listed[row[0]]
        assert list(one)[:4] == ["id", "nombre", "precio", "descripcion"]
        shown = (one["nombre"], one["precio"], one["descripcion"], one.get("precio_original"))
        assert shown == answered
        assert read(productos, row[0]) == one
        assert (one["stock"], one["creado_en"], one["activo"]) == (None, None, True)


def test_what_could_not_be_represented_is_reported_by_row(productos: Service) -> None:
    log = productos.log.read_text()
    for row, _ in ROWS:
        assert (f"producto {row[0]}: " in log) == (row[0] in REPORTED), row


def test_only_what_has_a_price_can_be_ordered(productos: Service) -> None:
    for row, answered in ROWS:
        path = f"/reservas/{uuid.uuid4()}"
        answer = productos.put(path, TOKENS.credential(), json={"producto_id": row[0], "cantidad": 1})
        price = answered[1]
        if price is not None and price > 0:
            assert (answer.status_code, answer.json()["precio"]) == (200, price)
        else:
            assert (answer.status_code, answer.json()["codigo"]) == (422, "producto_retirado")


def test_old_rows_are_searched_ordered_and_priced_anew(productos: Service) -> None:
    def found(**query: str) -> list[str]:
        return names(productos.get("/productos", CLIENT, params=query).json())

    assert found(q="raton") == ["Ratón"]
    without_price = {answered[0] for _, answered in ROWS if answered[1] is None}
    assert set(found(orden="precio")[-len(without_price) :]) == without_price
    assert set(found(orden="-precio")[-len(without_price) :]) == without_price
    assert not without_price & set(found(precio_min="0"))
    assert edit(productos, 4, nombre="Casi gratis")["precio_original"] == "gratis"
    priced = edit(productos, 4, precio=0.5)
    assert (priced["precio"], "precio_original" in priced) == (0.5, False)
    edit(productos, 4, nombre="Gratis")


def test_new_numbers_follow_the_last_one_ever_given(productos: Service) -> None:
    product = add(productos, stock=1)
    assert product == LAST + 1
    assert unbalanced(productos) == []
    productos.delete(f"/productos/{product}", ADMIN, headers={"If-Match": "*"})


def test_a_second_start_changes_nothing(productos: Service) -> None:
    before = productos.get("/productos", CLIENT).content
    productos.stop()
    size = productos.log.stat().st_size
    productos.start()
    assert productos.get("/productos", CLIENT).content == before
    assert "producto 4:" not in productos.log.read_text()[size:]
    rows = productos.sql("PRAGMA integrity_check")
    assert [tuple(row) for row in rows] == [("ok",)]
