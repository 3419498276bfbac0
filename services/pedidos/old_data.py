"""Takes over the original orders: every row keeps its id and stays readable (contract.md section 6)."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from services.common.migrate import OldData
from services.pedidos import store
from services.pedidos.model import Estado, Fase, estado_of

BATCH = 1000
NUMBERS = ("usuario_id", "producto_id", "cantidad")


def convert(old: sqlite3.Connection, new: Connection, report: Callable[[str], None]) -> None:
    """Copy the orders. They hold no reservation, so cancelling one returns nothing."""
    rows = old.execute("SELECT id, usuario_id, producto_id, cantidad, estado FROM pedidos ORDER BY id")
    while batch := rows.fetchmany(BATCH):
        new.execute(store.pedidos.insert(), [_order(row, report) for row in batch])
    _keep_last_id(old, new)


def _order(row: tuple[Any, ...], report: Callable[[str], None]) -> dict[str, Any]:
    pedido_id, *values, estado = row
    numbers = dict(zip(NUMBERS, values, strict=True))
    original = {name: _json_value(value) for name, value in numbers.items() if type(value) is not int}
    for name, value in original.items():
        report(f"pedido {pedido_id}: {name} {value!r} is no whole number; it is kept as it was")
    spelling = None if estado is None else _text(estado)
    known = estado_of(spelling)
    if known == Estado.DESCONOCIDO:
        report(f"pedido {pedido_id}: estado {spelling!r} is none of the shop's; it is kept as it was")
    return {
        "id": pedido_id,
        **{name: value if type(value) is int else None for name, value in numbers.items()},
        "original": msgspec.json.encode(original).decode() if original else None,
        "estado": known,
        "estado_original": None if spelling in (None, known) else spelling,
        "version": 1,
        "fase": Fase.CONFIRMADO,
        "intento_n": 1,
    }


def _json_value(value: Any) -> str | float:
    return value if isinstance(value, float) and abs(value) != float("inf") else _text(value)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _keep_last_id(old: sqlite3.Connection, new: Connection) -> None:
    """Never give a number again that the original gave, not even that of a deleted order."""
    with suppress(sqlite3.OperationalError):
        for (last,) in old.execute("SELECT seq FROM sqlite_sequence WHERE name = 'pedidos'"):
            new.execute(text("DELETE FROM sqlite_sequence WHERE name = 'pedidos'"))
            new.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES ('pedidos', :last)"), {"last": last}
            )


OLD_DATA = OldData("pedidos", convert)
