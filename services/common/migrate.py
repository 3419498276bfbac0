"""Brings a database to the current schema before its service serves (contract.md section 6).

Revisions are Alembic's; each runs inside one explicit transaction. An SQLite file of the original services is not changed
where it stands: a new file is built beside it under a lock, verified, made durable and renamed over it, so that a kill at any
moment leaves the old file or the new one.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from services.common.database import postgresql_engine, sqlite_engine
from services.common.settings import ServiceSettings

LOCK_WAIT = 3.0  # seconds in which a predecessor that was killed lets go of its file
MIGRATION_SECONDS = 3600.0


class MigrationError(Exception):
    """The database cannot be used; one line for the person who starts the service."""


@dataclass(frozen=True)
class OldData:
    """How a service takes over the original table ``table``.

    ``convert(old, new, report)`` copies every row, keeping its id; ``report(line)`` tells what could not be represented.
    ``cleanse(base)``, where given, runs once the new file is durable, on the base file that holds all tables.
    """

    table: str
    convert: Callable[[sqlite3.Connection, Connection, Callable[[str], None]], None]
    cleanse: Callable[[Path], None] | None = None


def prepare(settings: ServiceSettings, migrations: Path, old: OldData) -> bool:
    """Make the database of ``settings`` ready, and say whether it was not; raise MigrationError.

    On SQLite the file's lock stays held until this process and its children end: two instances never share a file.
    """
    try:
        if settings.database.get_backend_name() == "sqlite":
            return _prepare_sqlite(settings, migrations, old)
        return _prepare_postgresql(settings, migrations)
    except (SQLAlchemyError, sqlite3.Error, OSError, UnicodeDecodeError) as error:
        # The last where a damaged name is no UTF-8.
        cause = str(getattr(error, "orig", error)).splitlines()
        raise MigrationError(f"the database cannot be used: {cause[0] if cause else error!r}") from error


def _prepare_postgresql(settings: ServiceSettings, migrations: Path) -> bool:
    engine = postgresql_engine(settings.database, settings.name, 1, MIGRATION_SECONDS)
    try:
        with engine.connect() as connection:
            connection.execute(
                text("SELECT pg_advisory_lock(hashtext(:name))"), {"name": f"pingui {settings.name}"}
            )
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{settings.name}"'))
            connection.commit()
            return upgrade(connection, migrations)
    finally:
        engine.dispose()


def _prepare_sqlite(settings: ServiceSettings, migrations: Path, old: OldData) -> bool:
    file = Path(settings.database.database or "")
    file.parent.mkdir(parents=True, exist_ok=True)
    hold_lock(file)
    base = settings.base_file if settings.base_file != file else None
    side = file.with_name(f"{file.name}.new")
    for leftover in (side, *_companions(side)):
        leftover.unlink(missing_ok=True)
    built = True
    if is_old(file, old.table):
        _build(file, side, file, migrations, old)
    elif not file.exists() and base and is_old(base, old.table):
        with locked(base, fcntl.LOCK_SH):
            _build(base, side, file, migrations, old)
    else:
        built = False
    engine = sqlite_engine(settings.database, 1, read_only=False)
    try:
        with engine.connect() as connection:
            upgraded = upgrade(connection, migrations)
    finally:
        engine.dispose()
    if old.cleanse and base and is_old(base, old.table):
        with locked(base, fcntl.LOCK_EX):
            old.cleanse(base)
    return built or upgraded


def is_old(file: Path, table: str) -> bool:
    """Whether ``file`` holds the original services' ``table`` and was never upgraded."""
    if not file.exists() or not file.stat().st_size:
        return False
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as connection:
        names = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }
    return table in names and "alembic_version" not in names


def _build(source: Path, side: Path, target: Path, migrations: Path, old: OldData) -> None:
    print(f"{target.name}: upgrading the data of {source.name}", flush=True)
    with closing(_quiet(source)) as original:
        others = _foreign_tables(original, old.table)
        if source == target and others:
            raise MigrationError(
                f"{target.name} also holds {', '.join(others)}: give each service a file of its own"
                f" (DATABASE_URL=sqlite:///{target.name} alone does)"
            )
        engine = sqlite_engine(URL.create("sqlite", database=str(side)), 1, read_only=False)
        try:
            with engine.connect() as connection:
                upgrade(connection, migrations)
                with connection.begin():
                    old.convert(
                        original, connection, lambda line: print(f"{target.name}: {line}", flush=True)
                    )
        finally:
            engine.dispose()
    seal(side)
    replace(side, target)
    print(f"{target.name}: upgraded", flush=True)


def _quiet(source: Path) -> sqlite3.Connection:
    """The original file without a journal beside it, so that a rename cannot leave a stray one."""
    connection = sqlite3.connect(source, isolation_level=None)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    connection.execute("PRAGMA journal_mode = DELETE")
    return connection


def _foreign_tables(connection: sqlite3.Connection, own: str) -> list[str]:
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return [name for (name,) in names if name != own and not name.startswith("sqlite_")]


def seal(side: Path) -> None:
    """Leave ``side`` as one complete, verified, durable file without free pages."""
    with closing(sqlite3.connect(side, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")
        if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise MigrationError(f"{side.name} did not pass its integrity check; the old file is untouched")
    with side.open("rb") as file:
        os.fsync(file.fileno())


def replace(side: Path, target: Path) -> None:
    """Rename ``side`` over ``target``; durable when it returns."""
    side.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _companions(file: Path) -> tuple[Path, ...]:
    return tuple(file.with_name(file.name + ending) for ending in ("-journal", "-wal", "-shm"))


@contextmanager
def locked(file: Path, mode: int) -> Iterator[None]:
    """A lock on ``file`` between programs (fcntl.LOCK_SH or LOCK_EX); who comes meanwhile waits."""
    descriptor = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, mode)
        yield
    finally:
        os.close(descriptor)


def hold_lock(file: Path) -> None:
    """Take the lock of ``file`` for this process and its children; raise MigrationError where another has it."""
    descriptor = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_WAIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise MigrationError(f"{file.name} is in use by another process") from None
            time.sleep(0.05)


def upgrade(connection: Connection, migrations: Path) -> bool:
    """Run the revisions that ``connection``'s database lacks, and say whether there were any.

    Raise MigrationError where it is newer than the code.
    """
    newest = max(path.name.split("_")[0] for path in (migrations / "versions").glob("[0-9]*.py"))
    if inspect(connection).has_table("alembic_version"):
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        connection.rollback()
        if found == newest:
            return False
        if found is not None and found > newest:
            raise MigrationError(f"the database is of a newer version ({found}) than this program ({newest})")
    connection.rollback()
    _run_alembic(connection, migrations)
    return True


def _run_alembic(connection: Connection, migrations: Path) -> None:
    # Alembic is imported only where there is something to do: a start does not wait for it.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(migrations))
    with EnvironmentContext(
        Config(), script, fn=lambda revision, _context: script._upgrade_revs("head", revision)
    ) as environment:
        environment.configure(connection=connection, transactional_ddl=True, transaction_per_migration=True)
        environment.run_migrations()
    connection.commit()
