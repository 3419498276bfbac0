"""The store of a storefront that is alone: one SQLite file.

One connection behind one lock does everything: the statements are short, and SQLite before 3.51.3 can
corrupt a WAL that two connections checkpoint.
"""

import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storefront.store import (
    ABANDONED_SECONDS,
    FORM_SECONDS,
    KEY_SECONDS,
    NOT_PLACED,
    PURCHASE_SECONDS,
    SENDING,
    UNKNOWN,
    WAITING,
    PurchaseLine,
    StoreDownError,
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS ended_sessions (sid TEXT PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept_forms (
    id TEXT PRIMARY KEY, usuario_id INTEGER, body BLOB NOT NULL, until REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used_keys (key TEXT PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS purchases (
    compra_id TEXT PRIMARY KEY, usuario_id INTEGER NOT NULL, made_at REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS purchases_by_age ON purchases (made_at);
CREATE TABLE IF NOT EXISTS purchase_lines (
    compra_id TEXT NOT NULL REFERENCES purchases, producto_id INTEGER NOT NULL, nombre TEXT NOT NULL,
    cantidad INTEGER NOT NULL, precio INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL DEFAULT
    '', pedido_id INTEGER, claimed_at REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (compra_id, producto_id)) STRICT, WITHOUT ROWID;
"""

BUSY_SECONDS = 2.0
LOG = logging.getLogger("storefront")


class LocalStore:
    """What `store.Store` says, in one SQLite file."""

    backend = "sqlite"

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._connection = _opened(path)
            path.chmod(0o600)
        except (sqlite3.Error, OSError) as problem:
            raise StoreDownError(f"{path}: {problem}") from None
        LOG.info("SQLite %s: one connection writes and checkpoints", sqlite3.sqlite_version)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as problem:
                raise StoreDownError(type(problem).__name__) from None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._asking() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with self._asking() as connection:
            return connection.execute(statement, values).fetchall()

    def check(self) -> None:
        self._rows("SELECT 1 FROM ended_sessions LIMIT 1")

    def secret(self, name: str) -> str:
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO secrets VALUES (?, ?) ON CONFLICT DO NOTHING", (name, secrets.token_urlsafe(48))
            )
            row = connection.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def see_somebody(self) -> None:
        if not self.has_seen_somebody():
            with self._writing() as connection:
                connection.execute("INSERT INTO secrets VALUES ('somebody', '') ON CONFLICT DO NOTHING")

    def has_seen_somebody(self) -> bool:
        return bool(self._rows("SELECT 1 FROM secrets WHERE name = 'somebody'"))

    def end_session(self, sid: str, until: float) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM ended_sessions WHERE until < ?", (time.time(),))
            connection.execute(
                "INSERT INTO ended_sessions VALUES (?, ?) ON CONFLICT DO NOTHING", (sid, until)
            )

    def has_ended(self, sid: str) -> bool:
        return bool(self._rows("SELECT 1 FROM ended_sessions WHERE sid = ?", sid))

    def keep_form(self, body: bytes, usuario_id: int | None, seconds: float = FORM_SECONDS) -> str:
        name = secrets.token_urlsafe(16)
        with self._writing() as connection:
            connection.execute("DELETE FROM kept_forms WHERE until < ?", (time.time(),))
            connection.execute(
                "INSERT INTO kept_forms VALUES (?, ?, ?, ?)", (name, usuario_id, body, time.time() + seconds)
            )
        return name

    def kept_form(self, name: str, usuario_id: int) -> bytes | None:
        rows = self._rows(
            "SELECT body FROM kept_forms WHERE id = ? AND until > ? AND (usuario_id IS NULL OR usuario_id = ?)",
            name,
            time.time(),
            usuario_id,
        )
        return rows[0][0] if rows and isinstance(rows[0][0], bytes) else None

    def use_key(self, key: str, seconds: float = KEY_SECONDS) -> bool:
        now = time.time()
        with self._writing() as connection:
            connection.execute("DELETE FROM used_keys WHERE until < ?", (now,))
            used = connection.execute(
                "INSERT INTO used_keys VALUES (?, ?) ON CONFLICT DO NOTHING", (key, now + seconds)
            )
        return used.rowcount == 1

    def free_key(self, key: str) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM used_keys WHERE key = ?", (key,))

    def begin_purchase(self, compra_id: str, usuario_id: int, lines: list[PurchaseLine]) -> bool:
        now = time.time()
        with self._writing() as connection:
            _forget_purchases(connection, now - PURCHASE_SECONDS)
            made = connection.execute(
                "INSERT INTO purchases VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (compra_id, usuario_id, now)
            )
            if made.rowcount == 0:
                return False
            connection.executemany(
                "INSERT INTO purchase_lines (compra_id, producto_id, nombre, cantidad, precio, outcome)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (compra_id, one.producto_id, one.nombre, one.cantidad, one.precio, WAITING)
                    for one in lines
                ],
            )
        return True

    def purchase(self, compra_id: str, usuario_id: int) -> list[PurchaseLine] | None:
        if not self._rows(
            "SELECT 1 FROM purchases WHERE compra_id = ? AND usuario_id = ?", compra_id, usuario_id
        ):
            return None
        now = time.time()
        rows = self._rows(
            "SELECT producto_id, nombre, cantidad, precio, outcome, reason, pedido_id, claimed_at"
            " FROM purchase_lines WHERE compra_id = ? ORDER BY producto_id",
            compra_id,
        )
        return [_line(row, now) for row in rows]

    def claim_line(self, compra_id: str, producto_id: int, also_unknown: bool) -> bool:
        now = time.time()
        with self._writing() as connection:
            claimed = connection.execute(
                "UPDATE purchase_lines SET outcome = ?, claimed_at = ? WHERE compra_id = ? AND producto_id = ?"
                " AND (outcome IN (?, ?) OR (? AND (outcome = ? OR (outcome = ? AND claimed_at < ?))))",
                (
                    *(SENDING, now, compra_id, producto_id, WAITING, NOT_PLACED),
                    *(also_unknown, UNKNOWN, SENDING, now - ABANDONED_SECONDS),
                ),
            )
        return claimed.rowcount == 1

    def settle_line(
        self, compra_id: str, producto_id: int, outcome: str, reason: str = "", pedido_id: int | None = None
    ) -> None:
        with self._writing() as connection:
            connection.execute(
                "UPDATE purchase_lines SET outcome = ?, reason = ?, pedido_id = ?"
                " WHERE compra_id = ? AND producto_id = ?",
                (outcome, reason, pedido_id, compra_id, producto_id),
            )


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _forget_purchases(connection: sqlite3.Connection, before: float) -> None:
    connection.execute(
        "DELETE FROM purchase_lines WHERE compra_id IN (SELECT compra_id FROM purchases WHERE made_at < ?)",
        (before,),
    )
    connection.execute("DELETE FROM purchases WHERE made_at < ?", (before,))


def _line(row: tuple[object, ...], now: float) -> PurchaseLine:
    producto_id, nombre, cantidad, precio, outcome, reason, pedido_id, claimed_at = row
    if outcome == SENDING and isinstance(claimed_at, float) and claimed_at < now - ABANDONED_SECONDS:
        outcome = UNKNOWN
    return PurchaseLine(
        int(str(producto_id)),
        str(nombre),
        int(str(cantidad)),
        int(str(precio)),
        str(outcome),
        str(reason),
        None if pedido_id is None else int(str(pedido_id)),
    )
