"""What backup and restore do with one service's database, whichever engine it has."""

import fcntl
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

from operations import postgresql
from operations.errors import OperationError
from services.auditar.databases import Place
from services.common.migrate import locked

ORDER = ("pedidos", "productos", "usuarios")  # of copying; back they go the other way round
LOCK_SECONDS = 10
PAGES = 256  # copied between two lines of progress
CHUNK = 1024 * 1024


@contextmanager
def paused(pedidos: Place) -> Iterator[None]:
    """Nobody writes an order meanwhile; whoever wants to waits."""
    if pedidos.file:
        if not pedidos.file.exists():
            raise OperationError(f"{pedidos.name}: there is no {pedidos.file}")
        address = f"{pedidos.file.as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=LOCK_SECONDS)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")
        return
    with postgresql.server(pedidos) as connection:
        connection.execute(text(f"SET lock_timeout = {LOCK_SECONDS * 1000}"))
        connection.execute(text(f'LOCK TABLE "{pedidos.name}".pedidos IN SHARE ROW EXCLUSIVE MODE'))
        yield


def copy(place: Place, moment: Connection, folder: Path, say: Callable[[str], None]) -> Path:
    """A file in ``folder`` that holds what ``moment``, a snapshot of ``place``, sees; verified and durable."""
    target = folder / f"{place.name}.{'sqlite' if place.file else 'dump'}"
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    if place.file:
        _copy_pages(moment, target, say)
    else:
        postgresql.dump(place, moment, target, say)
    sync(target)
    return target


def _copy_pages(moment: Connection, target: Path, say: Callable[[str], None]) -> None:
    source = moment.connection.driver_connection
    assert isinstance(source, sqlite3.Connection)  # noqa: S101 - a snapshot of a file

    def progress(_status: int, left: int, total: int) -> None:
        say(f"{100 * (total - left) // max(total, 1)} %")

    with closing(sqlite3.connect(target, isolation_level=None)) as copied:
        source.backup(copied, pages=PAGES, progress=progress)
        copied.execute("PRAGMA journal_mode = DELETE")
        found = copied.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise OperationError(f"{target.name} did not pass its integrity check: {found}")


@contextmanager
def stopped(places: Mapping[str, Place]) -> Iterator[None]:
    """Until the block ends none of these services can start; raise OperationError where one runs."""
    with ExitStack() as stack:
        for place in places.values():
            stack.enter_context(_file_held(place.file) if place.file else _schema_held(place))
        yield


@contextmanager
def _file_held(file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            raise OperationError(f"{file.name} is in use: stop its service first") from None
        yield


@contextmanager
def _schema_held(place: Place) -> Iterator[None]:
    """The lock that a starting service takes, and a look at who is connected."""
    name = {"name": f"pingui {place.name}"}
    connected = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = :name"
    )
    with postgresql.server(place) as connection:
        free = connection.execute(text("SELECT pg_try_advisory_lock(hashtext(:name))"), name).scalar()
        if not free or connection.execute(connected, name).scalar_one():
            raise OperationError(f"{place.name} is connected to its database: stop the service first")
        connection.commit()
        yield


def holds_data(place: Place) -> bool:
    if place.file:
        return any(file.exists() for file in _with_journals(place.file))
    with postgresql.server(place) as connection:
        schema = text("SELECT count(*) FROM information_schema.schemata WHERE schema_name = :name")
        return bool(connection.execute(schema, {"name": place.name}).scalar_one())


def put_aside(place: Place, ending: str) -> str:
    """Keep what is there under another name, which is given back."""
    if place.file is None:
        aside = f"{place.name}_{ending}"
        with postgresql.server(place) as connection, connection.begin():
            connection.execute(text(f'ALTER SCHEMA "{place.name}" RENAME TO "{aside}"'))
        return f"schema {aside}"
    # A journal belongs to its file: it must never meet another one.
    for file in _with_journals(place.file):
        if file.exists():
            journal = file.name.removeprefix(place.file.name)
            file.rename(file.with_name(f"{place.file.name}.{ending}{journal}"))
    return f"{place.file.name}.{ending}"


def _with_journals(file: Path) -> list[Path]:
    return [file.with_name(file.name + ending) for ending in ("-wal", "-shm", "-journal", "")]


def digest(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def sync(path: Path) -> None:
    """Make a file or a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def utc(form: str) -> str:
    return time.strftime(form, time.gmtime())
