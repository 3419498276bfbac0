"""The whole list as bytes made once, and made again when the catalogue changed, whichever process changed it.

Every read asks the database for the catalogue's version, which triggers raise within the transaction of each write: a list
is never older than the last commit before the read.
"""

import hashlib
import threading
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select

from services.common.database import Database
from services.productos import store
from services.productos.model import Producto
from services.productos.schema import published
from services.productos.tables import catalogo, productos

BATCH = 500


@dataclass(frozen=True)
class Listing:
    """A JSON list with its strong ETag."""

    version: int
    body: bytes
    etag: str


class PreparedList:
    """The products that are not withdrawn, by id."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._building = threading.Lock()
        self._listing = Listing(-1, b"", "")

    def current(self) -> Listing:
        with self._database.read() as connection:
            version = connection.execute(select(catalogo.c.version)).scalar_one()
            if self._listing.version < version:
                # One thread makes it; the others wait and then find it no older than what they saw.
                with self._building:
                    if self._listing.version < version:
                        self._listing = _listing(connection, version)
            return self._listing


def _listing(connection: Connection, version: int) -> Listing:
    """``version`` was read before the rows: they are of that version or newer, never older."""
    body = encode_rows(connection)
    return Listing(version, body, f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"')


def encode_rows(connection: Connection) -> bytes:
    """All listed products as one JSON list; a batch of rows at a time is in memory beside its bytes."""
    statement = store.products().where(productos.c.activo == 1).order_by(productos.c.id)
    rows = connection.execution_options(yield_per=BATCH).execute(statement)
    body = bytearray(b"[")
    for batch in rows.partitions():
        encoded = msgspec.json.encode([published(Producto(*row)) for row in batch])
        body += encoded[1:-1]
        body += b","
    if len(body) > 1:
        body.pop()
    body += b"]"
    return bytes(body)
