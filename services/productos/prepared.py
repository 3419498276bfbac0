"""Answers made once as bytes, and made again when the catalogue changed, whichever process changed it.

Every read asks for the catalogue's version first: what is answered is never older than the last commit before the read.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection

from services.common.database import Database
from services.productos.version import CatalogueVersion, version_within

Value = TypeVar("Value")


class Prepared(Generic[Value]):
    """What ``make`` reads from the catalogue, kept for as long as nothing was written."""

    def __init__(
        self, database: Database, version: CatalogueVersion, make: Callable[[Connection], Value]
    ) -> None:
        self._database = database
        self._version = version
        self._make = make
        self._making = threading.Lock()
        self._kept: tuple[int, Value] | None = None

    def current(self) -> Value:
        version = self._version.read()
        return self._no_older_than(version) or self._made(version)

    def _no_older_than(self, version: int | None) -> Value | None:
        kept = self._kept
        return kept[1] if kept is not None and version is not None and kept[0] >= version else None

    def _made(self, version: int | None) -> Value:
        """One thread makes it; the others wait and then find it no older than what they saw."""
        with self._making:
            kept = self._no_older_than(version)
            if kept is None:
                with self._database.read() as connection:
                    # The version is read first: the value is of that version or newer, never older.
                    version = version_within(connection)
                    kept = self._make(connection)
                    self._kept = (version, kept)
            return kept
