"""One code path over SQLite and PostgreSQL: SQLAlchemy Core, short transactions, waits that end.

On SQLite one connection writes and checkpoints (SQLite 3.7.0 to 3.51.2 can corrupt a WAL that two connections reset) and
its Writer gives it to one block after another; the others only read.
"""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, Integer, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from services.common.writer import Writer

WAIT = 2.0  # seconds a write waits for its turn and for a lock, under every deadline
# Older series of SQLite that were given the repair of 3.51.3, and since which release.
REPAIRED: dict[tuple[int, ...], int] = {(3, 44): 6, (3, 50): 7}
READY_WAIT = 0.2  # seconds in which a readable database answers

# 64-bit integers on both engines; SQLite's STRICT tables and rowids want INTEGER by name.
Integer64 = BigInteger().with_variant(Integer(), "sqlite")


class Database:
    """Transactions on one service's database. A reader sees one consistent moment; writers come one after another."""

    def __init__(self, url: URL, schema: str, readers: int) -> None:
        self.backend = url.get_backend_name()
        self._connections = readers
        if self.backend == "sqlite":
            logging.getLogger(__name__).info(sqlite_notice(sqlite3.sqlite_version_info))
            self._reader = sqlite_engine(url, readers, read_only=True)
            self._writer = Writer(sqlite_engine(url, 1, read_only=False))
        else:
            self._reader = postgresql_engine(url, schema, readers)
        self._probe = ThreadPoolExecutor(1, "ready")
        self._probing = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._reader.connect() as connection:
            yield connection

    def glance(self, statement: str) -> "Glance":
        return Glance(self._reader, self._connections, statement)

    @contextmanager
    def write(self, wait: float = WAIT) -> Iterator[Connection]:
        """A transaction, committed and durable when the block has ended; rolled back by any exception.

        It waits at most ``wait`` seconds for its turn and the lock together; then sqlalchemy's TimeoutError or
        OperationalError.
        """
        if self.backend == "sqlite":
            with self._writer.write(wait) as connection:
                yield connection
            return
        with self._reader.begin() as connection:
            if wait < WAIT:
                connection.execute(text(f"SET LOCAL statement_timeout = {max(1, int(wait * 1000))}"))
            yield connection

    def ready(self) -> bool:
        """Whether the database is readable within 200 ms (a locked one that can be read is)."""
        with self._probing:
            try:
                return self._probe.submit(self._readable).result(READY_WAIT)
            except FutureTimeout:
                self._probe.shutdown(wait=False)
                self._probe = ThreadPoolExecutor(1, "ready")
                return False

    def _readable(self) -> bool:
        try:
            with self.read() as connection:
                connection.execute(text("SELECT version_num FROM alembic_version")).all()
        except (SQLAlchemyError, OSError):
            return False
        return True

    def close(self) -> None:
        self._reader.dispose()
        if self.backend == "sqlite":
            self._writer.close()
        self._probe.shutdown(wait=False)


def sqlite_notice(version: tuple[int, ...]) -> str:
    """What the log says of SQLite ``version``: whether two connections could corrupt its WAL, and why ours cannot.

    Releases 3.7.0 to 3.51.2 can, but for 3.44.6, 3.50.7 and what followed them in their series.
    """
    affected = (3, 7, 0) <= version < (3, 51, 3)
    repaired = version[:2] in REPAIRED and version[2] >= REPAIRED[version[:2]]
    name = f"SQLite {'.'.join(map(str, version))}"
    if affected and not repaired:
        return (
            f"{name} has the WAL-reset race; one connection writes and checkpoints, so no other can race it"
        )
    return f"{name} is free of the WAL-reset race"


def sqlite_engine(url: URL, connections: int, *, read_only: bool) -> Engine:
    """An engine whose transactions are SQLite's own: IMMEDIATE for writers, so that no upgrade of a lock can fail."""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=WAIT,
        pool_reset_on_return="rollback",
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": WAIT},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_size_limit = 16777216")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def postgresql_engine(url: URL, schema: str, connections: int, statement_seconds: float = WAIT) -> Engine:
    """An engine whose tables stand in ``schema``; no statement, lock or idle transaction outlasts its limit."""
    milliseconds = int(statement_seconds * 1000)
    options = (
        f"-c search_path={schema} -c timezone=UTC -c synchronous_commit=on"
        f" -c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"
        " -c idle_in_transaction_session_timeout=5000"
    )
    return create_engine(
        url,
        pool_size=connections,
        max_overflow=2,
        pool_timeout=WAIT,
        pool_pre_ping=True,
        connect_args={"options": options, "connect_timeout": 2, "application_name": f"pingui {schema}"},
    )


class Glance:
    """One short SELECT, read so often that a transaction around it would cost more than it does.

    It runs by the driver itself, on connections kept open for it, ``connections`` at most, and sees the last commit
    before it.
    """

    def __init__(self, readers: Engine, connections: int, statement: str) -> None:
        self._engine = readers
        self._statement = statement if readers.dialect.name == "sqlite" else statement.replace("?", "%s")
        self._idle: deque[Any] = deque([None] * connections)  # None is one that is not made yet

    def row(self, *values: object) -> tuple[Any, ...] | None:
        """Its first row for the values of its question marks; None where there is none, or it could not be read this way.

        It cannot where the database is away, a connection to it was lost or all of them are in use.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            return None
        try:
            if connection is None:
                connection = self._connect()
            row: tuple[Any, ...] | None = connection.execute(self._statement, values).fetchone()
        except Exception:  # of two drivers, none of which is the caller's concern
            if connection is not None:
                with suppress(Exception):
                    connection.close()
            self._idle.appendleft(None)
            return None
        self._idle.append(connection)
        return row

    def _connect(self) -> Any:
        pooled = self._engine.raw_connection()
        driver = pooled.driver_connection
        pooled.detach()
        if self._engine.dialect.name == "postgresql":
            driver.autocommit = True  # type: ignore[union-attr]
        return driver
