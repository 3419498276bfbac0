"""The storefront's own small database: ended sessions, purchases with the outcome of each line, kept forms
and, under DEBUG, the secrets made at random. None of the shop's data is here.

One connection behind one lock does everything: the statements are short, and SQLite before 3.51.3 can
corrupt a WAL that two connections checkpoint.
"""

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS ended_sessions (sid TEXT PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept_forms (
    id TEXT PRIMARY KEY, usuario_id INTEGER, body BLOB NOT NULL, until REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used_keys (key TEXT PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS purchases (
    compra_id TEXT PRIMARY KEY, usuario_id INTEGER NOT NULL, made_at REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS purchase_lines (
    compra_id TEXT NOT NULL REFERENCES purchases, producto_id INTEGER NOT NULL, nombre TEXT NOT NULL,
    cantidad INTEGER NOT NULL, precio INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL DEFAULT
    '', pedido_id INTEGER, claimed_at REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (compra_id, producto_id)) STRICT, WITHOUT ROWID;
"""

WAITING, SENDING, DONE, REFUSED, NOT_PLACED, UNKNOWN = (
    "waiting", "sending", "done", "refused", "not_placed", "unknown",
)  # fmt: skip
# A line that is being sent for longer than any call may take belongs to a process that died.
ABANDONED_SECONDS = 15.0
BUSY_SECONDS = 2.0


@dataclass(frozen=True)
class PurchaseLine:
    """One line of a purchase, which is one order. `precio` in cents as the shopper confirmed it."""

    producto_id: int
    nombre: str
    cantidad: int
    precio: int
    outcome: str = WAITING
    reason: str = ""
    pedido_id: int | None = None


class Store:
    """Everything that must outlive a request, in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(SCHEMA)
        path.chmod(0o600)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def secret(self, name: str) -> str:
        """The secret of this name, made at random the first time."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO secrets VALUES (?, ?) ON CONFLICT DO NOTHING", (name, secrets.token_urlsafe(48))
            )
            row = connection.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def see_somebody(self) -> None:
        """Notes that a person signed in here, so the first account of the shop is a person's."""
        if not self.has_seen_somebody():
            with self._writing() as connection:
                connection.execute("INSERT INTO secrets VALUES ('somebody', '') ON CONFLICT DO NOTHING")

    def has_seen_somebody(self) -> bool:
        return bool(self._rows("SELECT 1 FROM secrets WHERE name = 'somebody'"))

    def end_session(self, sid: str, until: float) -> None:
        """Refuses the session `sid` from now on; the record may go at `until`, when its token ends anyway."""
        with self._writing() as connection:
            connection.execute("DELETE FROM ended_sessions WHERE until < ?", (time.time(),))
            connection.execute(
                "INSERT INTO ended_sessions VALUES (?, ?) ON CONFLICT DO NOTHING", (sid, until)
            )

    def has_ended(self, sid: str) -> bool:
        return bool(self._rows("SELECT 1 FROM ended_sessions WHERE sid = ?", sid))

    def keep_form(self, body: bytes, usuario_id: int | None, seconds: float = 3600) -> str:
        """Keeps what a person typed when the session had ended; returns the name to ask for it."""
        name = secrets.token_urlsafe(16)
        with self._writing() as connection:
            connection.execute("DELETE FROM kept_forms WHERE until < ?", (time.time(),))
            connection.execute(
                "INSERT INTO kept_forms VALUES (?, ?, ?, ?)", (name, usuario_id, body, time.time() + seconds)
            )
        return name

    def kept_form(self, name: str, usuario_id: int) -> bytes | None:
        """What was kept under `name`, for the person it belongs to (or anyone, where that was unknown)."""
        rows = self._rows(
            "SELECT body FROM kept_forms WHERE id = ? AND until > ? AND (usuario_id IS NULL OR usuario_id = ?)",
            name,
            time.time(),
            usuario_id,
        )
        return rows[0][0] if rows and isinstance(rows[0][0], bytes) else None

    def use_key(self, key: str, seconds: float = 30 * 86400) -> bool:
        """Whether `key` was never used before; from now on it was."""
        now = time.time()
        with self._writing() as connection:
            connection.execute("DELETE FROM used_keys WHERE until < ?", (now,))
            used = connection.execute(
                "INSERT INTO used_keys VALUES (?, ?) ON CONFLICT DO NOTHING", (key, now + seconds)
            )
        return used.rowcount == 1

    def free_key(self, key: str) -> None:
        """Takes back `use_key`: what it stood for was refused."""
        with self._writing() as connection:
            connection.execute("DELETE FROM used_keys WHERE key = ?", (key,))

    def begin_purchase(self, compra_id: str, usuario_id: int, lines: list[PurchaseLine]) -> bool:
        """Writes a purchase down before anything is sent; False when it already was."""
        with self._writing() as connection:
            made = connection.execute(
                "INSERT INTO purchases VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (compra_id, usuario_id, time.time()),
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
        """The lines of a purchase of this person, in the order of their products; None when there is none."""
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
        """Makes this request the only one that sends the line; False when it is done, refused or being sent.

        A line of unknown outcome may be sent again only with `also_unknown`: the service then knows its key.
        """
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
