"""The structure is tested too: who may import whom, what the common part may know, tables against migrations."""

import ast
import itertools
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData
from sqlalchemy.engine import URL, make_url

from services.common.database import postgresql_engine, sqlite_engine
from services.common.migrate import upgrade
from tests.postgres import PostgreSQL
from tests.shop import ROOT

SERVICES = ("usuarios", "productos", "pedidos")
WORDS_OF_THE_SHOP = re.compile(
    r"(?i:producto|pedido|carrito|compra|usuario|reserva|precio|cantidad|categor|imagen)"
    r"|\bstock|\bproducts?\b|\borders?\b|\bcarts?\b|\bprices?\b|\bcatalogue|\busers?\b"
)


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def imports(path: Path) -> Iterator[str]:
    """Every module that ``path`` imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_itself_and_what_is_common(service: str) -> None:
    for path in modules(f"services/{service}"):
        for module in imports(path):
            assert not within(module, "storefront"), path
            if within(module, "services") and module != "services":
                own = within(module, f"services.{service}") or within(module, "services.common")
                assert own or module == "services", (path, module)


def test_what_is_common_imports_no_service() -> None:
    for path in modules("services/common"):
        for module in imports(path):
            assert not within(module, "storefront"), path
            assert not within(module, "services") or within(module, "services.common"), (path, module)


def test_the_storefront_imports_no_service() -> None:
    for path in modules("storefront"):
        for module in imports(path):
            assert not within(module, "services"), (path, module)


def test_nothing_but_the_tests_imports_tests() -> None:
    for folder in ("services", "storefront"):
        for path in modules(folder):
            assert not any(within(module, "tests") for module in imports(path)), path


def names_in_code(path: Path) -> Iterator[str]:
    """Names and literal texts of a module, without its comments and docstrings."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
        for field in ("id", "attr", "name", "arg"):
            if isinstance(getattr(node, field, None), str):
                yield getattr(node, field)


# What the token's claims and the settings are called is the contract's, not the shop's.
ALLOWED = re.compile(
    r"usuario_id|usuarios123|productos123|pedido123|sqlite:///file\.db or postgresql://user:password@host/name"
)


def test_what_is_common_knows_no_word_of_the_shop() -> None:
    for path in modules("services/common"):
        for name in names_in_code(path):
            assert not WORDS_OF_THE_SHOP.search(ALLOWED.sub("", name)), (path.name, name)


def test_every_service_has_the_same_file_names() -> None:
    expected = {
        "__init__.py", "__main__.py", "app.py", "routes.py", "model.py", "store.py", "schema.py", "settings.py",
        "old_data.py",
    }  # fmt: skip
    for service in SERVICES:
        folder = ROOT / "services" / service
        assert expected <= {path.name for path in folder.glob("*.py")}, service
        assert list((folder / "migrations" / "versions").glob("0001_*.py")), service


def tables_of(service: str) -> MetaData:
    folder = ROOT / "services" / service
    module = "tables" if (folder / "tables.py").exists() else "store"
    metadata: MetaData = import_module(f"services.{service}.{module}").metadata
    return metadata


def is_computed(difference: tuple[Any, ...]) -> bool:
    """Whether a column that the code does not know is the database's own work: what a search reads."""
    return difference[0] == "remove_column" and difference[3].computed is not None


# What the code must know of a table. Constraints, indexes and what serves the search stand in the migrations alone.
COLUMNS = {"add_table", "add_column", "remove_column", "modify_type", "modify_nullable"}


def migrated(service: str, engine: Engine) -> list[Any]:
    """Where the columns of a migrated database and those of the code differ."""
    try:
        with engine.connect() as connection:
            upgrade(connection, ROOT / "services" / service / "migrations")
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            found = compare_metadata(context, tables_of(service))
            each = itertools.chain.from_iterable(one if isinstance(one, list) else [one] for one in found)
            return [
                difference for difference in each if difference[0] in COLUMNS and not is_computed(difference)
            ]
    finally:
        engine.dispose()


@pytest.mark.parametrize("service", SERVICES)
def test_the_migrations_make_the_tables_that_the_code_uses(tmp_path: Path, service: str) -> None:
    file = tmp_path / "migrated.db"
    url = URL.create("sqlite", database=str(file))
    assert migrated(service, sqlite_engine(url, 1, read_only=False)) == []
    with closing(sqlite3.connect(file)) as connection:
        tables = connection.execute(
            "SELECT name, strict FROM pragma_table_list WHERE schema = 'main'"
        ).fetchall()
    own = {name: strict for name, strict in tables if not name.startswith(("sqlite_", "alembic_"))}
    assert set(own) >= set(tables_of(service).tables)
    assert all(own[name] for name in tables_of(service).tables)


@pytest.mark.parametrize("service", SERVICES)
def test_the_migrations_make_them_on_postgresql_too(postgresql: PostgreSQL, service: str) -> None:
    url = make_url(postgresql.new_database(f"migrated_{service}")).set(drivername="postgresql+psycopg")
    assert migrated(service, postgresql_engine(url, "public", 1, 60)) == []
