"""The small and the large shop on either database engine, filled with the same rows."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from bench import data, kept
from bench.programs import FILES, Shop, running, scratch
from tests import postgres

Shops = dict[data.Size, Shop]
TABLES = {
    "productos": ("imagenes", "productos", "movimientos"),
    "pedidos": ("nombres", "pedidos"),
    "usuarios": ("usuarios", "contador"),
}
NUMBERED = {"productos": ("productos", "movimientos"), "pedidos": ("pedidos",)}
BATCH = 50_000


@contextmanager
def on_sqlite(sizes: tuple[data.Size, ...], say: data.Say) -> Iterator[Shops]:
    """A shop for each size, not yet started."""
    with scratch() as folder:
        shops: Shops = {}
        for size in sizes:
            kept.copy_of(size, folder / size.name, say)
            shops[size] = Shop(folder / size.name)
        yield shops


@contextmanager
def on_postgresql(sizes: tuple[data.Size, ...], say: data.Say) -> Iterator[Shops]:
    """The same on a cluster of its own, whose tables the services' migrations made."""
    with scratch() as folder, postgres.running() as cluster:
        shops: Shops = {}
        for size in sizes:
            database = cluster.new_database(size.name)
            (folder / size.name).mkdir()
            shop = shops[size] = Shop(folder / size.name, database)
            with running(shop):
                say(f"{size.name}: migrations")
            source = kept.made(size, say)
            with psycopg.connect(database, autocommit=True) as connection:
                for service in TABLES:
                    copy_service(source / FILES[service], connection, service, say)
                connection.execute("VACUUM ANALYZE")
        yield shops


def copy_service(file: Path, target: psycopg.Connection, schema: str, say: data.Say) -> None:
    """Put the rows of a service's SQLite file in place of those that its schema has."""
    with closing(sqlite3.connect(file)) as source, target.transaction():
        target.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema)))
        target.execute(
            sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(map(sql.Identifier, TABLES[schema])))
        )
        for table in TABLES[schema]:
            copy_table(source, target, table, say)
        for table in NUMBERED.get(schema, ()):
            last = sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), (SELECT max(id) FROM {}))")
            target.execute(last.format(table, sql.Identifier(table)))


def copy_table(source: sqlite3.Connection, target: psycopg.Connection, table: str, say: data.Say) -> None:
    rows = source.execute(f"SELECT * FROM {table}")  # noqa: S608 - our own names
    columns = sql.SQL(", ").join(sql.Identifier(column[0]) for column in rows.description)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
    with target.cursor() as cursor, cursor.copy(statement) as copy:
        for number, row in enumerate(rows, start=1):
            copy.write_row(row)
            if number % BATCH == 0:
                say(f"PostgreSQL: {number:,} rows of {table}")
