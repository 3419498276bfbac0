"""Answers made once as bytes, and made again when the catalogue changed, whichever process changed it.

Every read asks the database for the catalogue's version, which triggers raise within the transaction of each write: what is
answered is never older than the last commit before the read.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection, select

from services.common.database import Database
from services.productos.tables import catalogo

Value = TypeVar("Value")


class Prepared(Generic[Value]):
    """What ``make`` reads from the catalogue, kept for as long as nothing was written."""

    def __init__(self, database: Database, make: Callable[[Connection], Value]) -> None:
        self._database = database
        self._make = make
        self._making = threading.Lock()
        self._kept: tuple[int, Value] | None = None

    def current(self) -> Value:
        with self._database.read() as connection:
            version = connection.execute(select(catalogo.c.version)).scalar_one()
            kept = self._kept
            if kept is None or kept[0] < version:
                # One thread makes it; the others wait and then find it no older than what they saw.
                with self._making:
                    kept = self._kept
                    if kept is None or kept[0] < version:
                        # The version was read first: the value is of that version or newer, never older.
                        self._kept = kept = (version, self._make(connection))
            return kept[1]
