"""The catalogue's version, which triggers raise within the transaction of each write to products.

It is read with every list, so by the driver itself on connections kept open for it: one short statement instead of a
transaction around it.
"""

from collections import deque
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.engine import URL

from services.common.database import postgresql_engine, sqlite_engine
from services.productos.tables import catalogo


class CatalogueVersion:
    """Reads the version as of the last commit by any process."""

    def __init__(self, url: URL, schema: str, threads: int) -> None:
        if url.get_backend_name() == "sqlite":
            self._engine = sqlite_engine(url, threads, read_only=True)
        else:
            self._engine = postgresql_engine(url, schema, threads)
        self._idle: deque[Any] = deque()

    def read(self) -> int | None:
        """None where it could not be read this way: the database is away, or a connection to it was lost."""
        connection = None
        try:
            connection = self._idle.pop() if self._idle else self._connect()
            version: int = connection.execute("SELECT version FROM catalogo").fetchone()[0]
        except Exception:  # of two drivers, none of which is the caller's concern
            if connection is not None:
                with suppress(Exception):
                    connection.close()
            return None
        self._idle.append(connection)
        return version

    def _connect(self) -> Any:
        pooled = self._engine.raw_connection()
        driver = pooled.driver_connection
        pooled.detach()
        if self._engine.dialect.name == "postgresql":
            driver.autocommit = True  # type: ignore[union-attr]
        return driver


def version_within(connection: Connection) -> int:
    """The version as the connection's transaction sees it."""
    version: int = connection.execute(select(catalogo.c.version)).scalar_one()
    return version
