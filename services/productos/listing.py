"""Lists of products as they are answered: JSON bytes with their strong ETag."""

import hashlib
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, func, select

from services.common.database import Database
from services.common.front import Answer, json_answer
from services.productos import search, store
from services.productos.model import Producto, Search, fold
from services.productos.prepared import Prepared
from services.productos.schema import CategoriaPublicada, published
from services.productos.tables import productos
from services.productos.version import CatalogueVersion

COUNTED = 1_000  # totals are exact up to here
BATCH = 500


@dataclass(frozen=True)
class Listing:
    """A JSON list as it is answered. ``total`` is how many there are on all its pages; ``more``: whether a page follows."""

    answer: Answer
    total: int
    more: bool


class Listings:
    """The lists of one catalogue."""

    def __init__(self, database: Database) -> None:
        self._database = database
        version = CatalogueVersion(database)
        self._whole = Prepared(database, version, _whole)
        self._categories = Prepared(database, version, _categories)

    def whole(self) -> Listing:
        """The products that are not withdrawn, by id."""
        return self._whole.current()

    def categories(self) -> Listing:
        """The categories of the products that are not withdrawn, with their counts."""
        return self._categories.current()

    def page(self, asked: Search) -> Listing:
        with self._database.read() as connection:
            found = search.find(connection, asked)
        body = msgspec.json.encode([published(producto) for producto in found.productos])
        return _listing(body, found.total, found.more)


def _listing(body: bytes, total: int, more: bool = False) -> Listing:
    digest = hashlib.blake2b(body, digest_size=12, salt=total.to_bytes(8, "big")).hexdigest()
    etag = f'"{digest}"'
    shown = str(total) if total <= COUNTED else f"{COUNTED}+"
    headers = {"ETag": etag, "X-Total-Count": shown, "Cache-Control": "private, no-cache"}
    return Listing(json_answer(body, headers), total, more)


def _whole(connection: Connection) -> Listing:
    """A batch of rows at a time is in memory beside the bytes."""
    statement = store.products().where(productos.c.activo == 1).order_by(productos.c.id)
    rows = connection.execution_options(yield_per=BATCH).execute(statement)
    body = bytearray(b"[")
    total = 0
    for batch in rows.partitions():
        total += len(batch)
        body += msgspec.json.encode([published(Producto(*row)) for row in batch])[1:-1]
        body += b","
    if total:
        body.pop()
    body += b"]"
    return _listing(bytes(body), total)


def _categories(connection: Connection) -> Listing:
    statement = (
        select(productos.c.categoria, func.count())
        .where(productos.c.activo == 1, productos.c.categoria.is_not(None))
        .group_by(productos.c.categoria)
    )
    rows = sorted(connection.execute(statement).all(), key=lambda row: (fold(row[0]), row[0]))
    return _listing(msgspec.json.encode([CategoriaPublicada(*row) for row in rows]), len(rows))
