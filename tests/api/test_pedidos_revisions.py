"""Later revisions of pedidos' database: rows stay as they are, and a revision that fails leaves nothing of itself."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, make_url, text

from services.common.database import postgresql_engine, sqlite_engine
from services.common.migrate import upgrade
from services.pedidos.app import MIGRATIONS

FAILING = """import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{newest}"


def upgrade() -> None:
    op.add_column("pedidos", sa.Column("sobra", sa.Text))
    op.execute("INSERT INTO nombres (nombre, plegado) VALUES ('Taza', 'taza')")
    op.execute("this is no statement")
"""
ROW = text(
    "INSERT INTO pedidos (usuario_id, producto_id, cantidad, estado, version, fase, intento_n)"
    " VALUES (7, 3, 2, 'cancelado', 2, 'confirmado', 1)"
)


def revisions(folder: Path, last: str) -> Path:
    """The migrations up to the revision `last`."""
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (folder / "versions").iterdir():
        if file.name[:4] > last:
            file.unlink()
    return folder


@pytest.fixture
def connection(base_url: Callable[[Path], str], tmp_path: Path) -> Iterator[Connection]:
    """A database at the first revision."""
    url = make_url(base_url(tmp_path))
    sqlite = url.get_backend_name() == "sqlite"
    if not sqlite:
        url = url.set(drivername="postgresql+psycopg")
    engine = sqlite_engine(url, 1, read_only=False) if sqlite else postgresql_engine(url, "pedidos", 1, 60.0)
    with engine.connect() as connection:
        if not sqlite:
            connection.execute(text("CREATE SCHEMA pedidos"))
            connection.commit()
        upgrade(connection, revisions(tmp_path / "first", "0001"))
        yield connection
    engine.dispose()


def columns(connection: Connection) -> list[str]:
    names = [column["name"] for column in inspect(connection).get_columns("pedidos")]
    connection.rollback()
    return names


def test_orders_of_an_earlier_revision_have_no_reason(connection: Connection) -> None:
    connection.execute(ROW)
    connection.commit()
    assert "motivo" not in columns(connection)
    upgrade(connection, MIGRATIONS)
    (row,) = connection.execute(text("SELECT usuario_id, cantidad, estado, motivo FROM pedidos"))
    assert tuple(row) == (7, 2, "cancelado", None)


def test_a_revision_that_fails_leaves_the_one_before(connection: Connection, tmp_path: Path) -> None:
    newest = max(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    folder = revisions(tmp_path / "failing", newest)
    (folder / "versions" / "9999_failing.py").write_text(FAILING.format(newest=newest))
    with pytest.raises(Exception, match="syntax error"):
        upgrade(connection, folder)
    connection.rollback()
    assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == newest
    assert connection.execute(text("SELECT count(*) FROM nombres")).scalar() == 0
    assert "sobra" not in columns(connection)
    upgrade(connection, MIGRATIONS)
