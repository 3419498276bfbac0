"""Orders of the original service: none lost, all readable, upgraded once (contract.md section 6)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from services.common.tokens import Tokens
from tests.shop import SECRET, Shop

TABLE = (
    "CREATE TABLE pedidos (id INTEGER PRIMARY KEY AUTOINCREMENT, usuario_id INTEGER NOT NULL,"
    " producto_id INTEGER NOT NULL, cantidad INTEGER NOT NULL, estado TEXT DEFAULT 'pendiente')"
)
# id, usuario_id, producto_id, cantidad, estado; then what is answered: usuario_id, producto_id, cantidad, estado, original
ROWS: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = [
    ((1, 7, 3, 2, "pendiente"), (7, 3, 2, "pendiente", None)),
    ((2, 7, 3, -5, None), (7, 3, -5, "pendiente", None)),
    ((4, 7, 99, "tres", "ENVIADO"), (7, 99, None, "ENVIADO", {"cantidad": "tres"})),
    ((5, 7, 3, 2.5, "shipped"), (7, 3, 2.5, "shipped", {"cantidad": 2.5})),
    ((6, 7, "x", 0, ""), (7, None, 0, "", {"producto_id": "x"})),
    ((7, 7, 3, 1e30, " Cancelado"), (7, 3, 1e30, " Cancelado", {"cantidad": 1e30})),
    ((8, 7, 3, "12", "entregado"), (7, 3, 12, "entregado", None)),
    ((9, 7, 3, "<b>ñ\n", "desconocido"), (7, 3, None, "desconocido", {"cantidad": "<b>ñ\n"})),
    ((10, 7, -1, 2**62, "pendiente"), (7, -1, 2**62, "pendiente", None)),
    ((11, 7, 3, b"\xff", b"pend\xfe"), (7, 3, None, "pend\ufffd", {"cantidad": "\ufffd"})),
]
NOBODYS = (12, "nadie", 3, 1, "pendiente")
LAST = 40  # the number of an order that was deleted


def an_old_file(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as old:
        old.execute(TABLE)
        for row, _ in ROWS:
            old.execute("INSERT INTO pedidos VALUES (?, ?, ?, ?, ?)", row)
        old.execute("INSERT INTO pedidos VALUES (?, ?, ?, ?, ?)", NOBODYS)
        old.execute("INSERT INTO pedidos VALUES (?, 7, 3, 1, 'pendiente')", (LAST,))
        old.execute("DELETE FROM pedidos WHERE id = ?", (LAST,))


@pytest.fixture(scope="module", params=["pedido.db", "database.db"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """pedidos alone, over an old file of its own or the original's single one."""
    folder = tmp_path_factory.mktemp("old")
    an_old_file(folder / request.param)
    shop = Shop(folder, f"sqlite:///{folder / 'database.db'}", {"PRODUCTOS_URL": ""})
    shop.pedidos.start()
    yield shop
    shop.stop()


OWNER = Tokens(SECRET).issue({"usuario_id": 7, "nombre": "Ana"}, 1)
ADMIN = Tokens(SECRET).issue({"usuario_id": 1, "nombre": "Eva", "rol": "administrador"}, 1)


def listed(shop: Shop) -> dict[int, dict[str, Any]]:
    answer = shop.pedidos.get("/pedidos/usuario/7", OWNER)
    assert answer.status_code == 200
    return {one["id"]: one for one in answer.json()}


def test_every_row_is_readable_as_it_was(shop: Shop) -> None:
    orders = listed(shop)
    members = ("usuario_id", "producto_id", "cantidad", "estado")
    for row, answered in ROWS:
        one = orders[row[0]]
        assert list(one)[:5] == ["id", *members]
        assert tuple(one[name] for name in members) == answered[:4]
        assert one.get("original") == answered[4]
        assert (one["precio_unitario"], one["nombre"], one["creado_en"]) == (None, None, None)
    assert shop.pedidos.get(f"/pedidos/{NOBODYS[0]}", OWNER).status_code == 404
    nobodys = shop.pedidos.get(f"/pedidos/{NOBODYS[0]}", ADMIN).json()
    assert (nobodys["usuario_id"], nobodys["original"]) == (None, {"usuario_id": "nadie"})


def test_what_could_not_be_represented_is_reported_by_row(shop: Shop) -> None:
    report = shop.pedidos.log.read_text()
    for number in (4, 5, 6, 7, 9, 11, 12):
        assert f"pedido {number}: " in report
    for number in (1, 2, 8, 10):
        assert f"pedido {number}: " not in report


def test_lists_and_counts_know_the_state_that_was_meant(shop: Shop) -> None:
    board = shop.pedidos.get("/pedidos?limite=500", ADMIN).json()
    assert [one["id"] for one in board["pedidos"]][-len(ROWS) - 1 :] == [12, 11, 10, 9, 8, 7, 6, 5, 4, 2, 1]
    assert board["conteos"]["cancelado"] >= 1
    sent = shop.pedidos.get("/pedidos?estado=enviado", ADMIN).json()["pedidos"]
    assert [one["id"] for one in sent] == [4]


def test_steps_of_old_orders(shop: Shop) -> None:
    def move(number: int, token: str, estado: str) -> tuple[int, Any]:
        answer = shop.pedidos.patch(f"/pedidos/{number}", token, json={"estado": estado})
        return answer.status_code, answer.json().get("codigo", answer.json().get("estado"))

    assert move(4, ADMIN, "enviado") == (200, "ENVIADO")
    assert move(4, ADMIN, "entregado") == (200, "entregado")
    assert move(4, ADMIN, "enviado") == (200, "enviado")
    assert move(5, ADMIN, "enviado") == (409, "estado_ilegal")
    assert move(5, OWNER, "cancelado") == (409, "estado_ilegal")
    assert move(2, OWNER, "cancelado") == (200, "cancelado")
    assert shop.pedidos.sql("SELECT fase FROM pedidos WHERE id = 2")[0][0] == "confirmado"


def test_new_numbers_begin_where_the_old_ones_ended(shop: Shop) -> None:
    answer = shop.pedidos.post("/pedidos", OWNER, json={"producto_id": 3, "cantidad": 1})
    assert int(answer.headers["Location"].rsplit("/", 1)[1]) > LAST


def test_a_second_start_changes_nothing(shop: Shop) -> None:
    before = listed(shop)
    shop.pedidos.stop()
    log = shop.pedidos.log
    log.write_text("")
    shop.pedidos.start()
    assert listed(shop) == before
    assert "upgrad" not in log.read_text()
