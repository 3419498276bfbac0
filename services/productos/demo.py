"""Fills a catalogue that never had a product with the demo's (``DEMO=true``)."""

import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from services.common.database import Database
from services.common.json_input import convert, parse
from services.productos import demo_pictures, store
from services.productos.imagenes import store_picture
from services.productos.model import INICIAL
from services.productos.pictures import Picture
from services.productos.schema import NuevoProducto
from services.productos.tables import catalogo, productos

CATALOGUE = Path(__file__).parent / "demo" / "catalogo.json"


def fill(database: Database) -> None:
    """Add the demo products with their stock and pictures, all or none. Products are never deleted: empty is new."""
    with database.read() as connection:
        if not _empty(connection):
            return
    rows: list[dict[str, Any]] = parse(CATALOGUE.read_bytes())
    drawings = [demo_pictures.DRAWINGS / row["imagen"] for row in rows]
    ready = demo_pictures.prepare(drawings, lambda line: print(f"productos: {line}", flush=True))
    with database.write() as connection:
        # One at a time, should two processes start on an empty database.
        connection.execute(select(catalogo.c.version).with_for_update())
        if _empty(connection):
            for row in rows:
                _add(connection, row, ready[row["imagen"]])


def _empty(connection: Connection) -> bool:
    return connection.execute(select(productos.c.id).limit(1)).first() is None


def _add(connection: Connection, row: dict[str, Any], picture: Picture) -> None:
    new = convert(row, NuevoProducto)
    store_picture(connection, picture)
    producto_id = store.add(
        connection,
        {
            "nombre": new.nombre,
            "precio": int(new.precio),
            "descripcion": new.descripcion or "",
            "stock": new.stock,
            "categoria": new.categoria,
            "imagen": picture.hash,
            "imagen_alt": row["alt"],
            "creado_en": int(time.time() * 1000),
        },
    )
    if producto_id is not None and new.stock is not None:
        store.record_movement(connection, producto_id, new.stock, INICIAL, None)
