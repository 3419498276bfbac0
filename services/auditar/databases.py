"""The three services' databases, found by the services' own settings and only read: one consistent moment of each."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError

from services.common.settings import Environment, database_of

FILES = {"usuarios": "usuarios.db", "productos": "productos.db", "pedidos": "pedido.db"}
WAIT = 5.0  # seconds for a database that another process holds


class UnreadableError(Exception):
    """A database that is not there, not upgraded, or refuses; one line."""


class DamagedError(Exception):
    """A file that is there and is no sound database."""


@dataclass(frozen=True)
class Place:
    """Where the service ``name`` keeps its data. ``file`` is None on PostgreSQL."""

    name: str
    url: URL

    @property
    def file(self) -> Path | None:
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None


def places(environment: Environment) -> dict[str, Place]:
    """By service. Raise SettingsError."""
    return {name: Place(name, database_of(environment, name, file)[0]) for name, file in FILES.items()}


@contextmanager
def snapshot(place: Place) -> Iterator[Connection]:
    """A connection that sees the database as it is now until the block ends, and cannot write.

    Raise UnreadableError, or DamagedError where what is read proves the file unsound.
    """
    if place.file and not place.file.exists():
        raise UnreadableError(f"{place.name}: there is no {place.file}")
    engine = _engine(place)
    try:
        with engine.connect() as connection:
            if place.file:
                connection.exec_driver_sql("BEGIN")
            # A transaction sees the moment of its first statement.
            connection.execute(text("SELECT version_num FROM alembic_version")).all()
            yield connection
    except SQLAlchemyError as error:
        raise _explained(place, error) from error
    finally:
        engine.dispose()


def _engine(place: Place) -> Engine:
    if place.file is None:
        options = f"-c search_path={place.name} -c timezone=UTC -c default_transaction_read_only=on"
        return create_engine(
            place.url,
            poolclass=NullPool,
            isolation_level="REPEATABLE READ",
            connect_args={
                "options": options,
                "connect_timeout": int(WAIT),
                "application_name": "pingui audit",
            },
        )
    address = f"{place.file.as_uri()}?mode=ro"
    return create_engine(
        "sqlite://",
        poolclass=NullPool,
        creator=lambda: sqlite3.connect(address, uri=True, isolation_level=None, timeout=WAIT),
    )


def _explained(place: Place, error: SQLAlchemyError) -> Exception:
    cause = getattr(error, "orig", None) or error
    line = (str(cause).splitlines() or [repr(cause)])[0]
    if "no such table" in line or 'relation "' in line:
        return UnreadableError(
            f"{place.name}: its tables are not there, or the original's: start the service once"
        )
    if place.file and isinstance(error, DatabaseError) and not isinstance(error, OperationalError):
        return DamagedError(line)
    return UnreadableError(f"{place.name}: {line}")
