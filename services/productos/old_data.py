"""Takes over the original products: every row keeps its id and stays readable (contract.md section 6)."""

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select, text

from services.common.migrate import OldData
from services.productos import store
from services.productos.model import rounded_cents
from services.productos.tables import productos

BATCH = 500
LARGEST_CENTS = 2**53  # beyond it a JSON number no longer tells cents apart


def convert(old: sqlite3.Connection, new: Connection, report: Callable[[str], None]) -> None:
    """Copy the products. A price that is no number keeps its text beside and cannot be ordered."""
    rows = old.execute("SELECT id, nombre, precio, descripcion FROM productos ORDER BY id")
    while batch := rows.fetchmany(BATCH):
        new.execute(productos.insert(), [_product(row, report) for row in batch])
    _continue_ids(old, new)


def _product(row: tuple[Any, ...], report: Callable[[str], None]) -> dict[str, Any]:
    producto_id, nombre, descripcion = row[0], _text(row[1]), _text(row[3])
    precio = _cents(row[2])
    if precio is None:
        report(f"producto {producto_id}: its price {_text(row[2])!r} is no number; it cannot be ordered")
    elif Decimal(str(row[2])) * 100 != precio:
        report(f"producto {producto_id}: its price {row[2]} is rounded to {Decimal(precio) / 100}")
    return {
        "id": producto_id,
        "nombre": nombre,
        "precio": precio,
        "precio_original": _text(row[2]) if precio is None else None,
        "descripcion": descripcion,
        "imagen_alt": "",
        "activo": 1,
        "version": 1,
        **store.folded(nombre, None, descripcion),
    }


def _cents(value: Any) -> int | None:
    """Cents, half up; None for what is no number or one too large to be shown to the cent."""
    if not isinstance(value, int | float):
        return None
    amount = Decimal(str(value))
    if not amount.is_finite() or abs(amount) * 100 > LARGEST_CENTS:
        return None
    return rounded_cents(amount)


def _text(value: Any) -> str:
    """Any value of SQLite as text that every database stores."""
    if value is None:
        return ""
    words = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return words.replace("\x00", "\ufffd")


def _continue_ids(old: sqlite3.Connection, new: Connection) -> None:
    """The id of a deleted product is not given again."""
    if not old.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchone():
        return
    row = old.execute("SELECT seq FROM sqlite_sequence WHERE name = 'productos'").fetchone()
    if row:
        highest = new.execute(select(func.max(productos.c.id))).scalar() or 0
        new.execute(text("DELETE FROM sqlite_sequence WHERE name = 'productos'"))
        new.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES ('productos', :last)"),
            {"last": max(row[0], highest)},
        )


OLD_DATA = OldData("productos", convert)
