"""Takes over the original accounts: every row keeps its id, every password still signs in, none is left in plain text."""

import itertools
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, update

from services.common.migrate import OldData, replace, seal
from services.usuarios import store
from services.usuarios.model import ADMINISTRADOR, CLIENTE, fold
from services.usuarios.passwords import AT_ONCE, hasher

BATCH = 100
PROGRESS_SECONDS = 2.0


def convert(old: sqlite3.Connection, new: Connection, report: Callable[[str], None]) -> None:
    """Copy the accounts. The lowest id becomes administrator."""
    rows = old.execute("SELECT id, nombre, email, password FROM usuarios ORDER BY id").fetchall()
    emails = _emails(rows, report)
    started = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for first in range(0, len(rows), BATCH):
            batch = rows[first : first + BATCH]
            hashes = pool.map(hasher.hash, [_text(row[3]) for row in batch])
            for row, hashed, (email, key) in zip(batch, hashes, itertools.islice(emails, BATCH), strict=True):
                account = _account(row, email, key, hashed, row is rows[0])
                new.execute(store.usuarios.insert().values(account))
            if time.monotonic() - started > PROGRESS_SECONDS:
                started = time.monotonic()
                report(f"{first + len(batch)} of {len(rows)} passwords hashed")
    last = max([row[0] for row in rows] + list(_last_id(old)) + [0])
    new.execute(update(store.contador).values(ultimo=last))


def _emails(rows: list[tuple[Any, ...]], report: Callable[[str], None]) -> Iterator[tuple[str, str | None]]:
    """The e-mail of each row and its key: None where an older account has the same but for case."""
    spellings: set[str] = set()
    keys: set[str | None] = set()
    for usuario_id, _, given, _ in rows:
        email = _text(given)
        if email in spellings:
            report(
                f"usuario {usuario_id}: its e-mail is no text and reads like another's; its number follows it now"
            )
            email = f"{email} ({usuario_id})"
        key: str | None = fold(email)
        if key in keys:
            report(
                f"usuario {usuario_id}: another account has the same e-mail but for case;"
                " its exact spelling signs in"
            )
            key = None
        spellings.add(email)
        keys.add(key)
        yield email, key


def _account(row: tuple[Any, ...], email: str, key: str | None, hashed: str, first: bool) -> dict[str, Any]:
    return {
        "id": row[0],
        "nombre": _text(row[1]),
        "email": email,
        "email_clave": key,
        "password": hashed,
        "rol": ADMINISTRADOR if first else CLIENTE,
        "valido_desde": 0,
    }


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _last_id(old: sqlite3.Connection) -> Iterator[int]:
    """The last id that the original gave, that of a deleted account included."""
    if old.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchone():
        yield from (
            last for (last,) in old.execute("SELECT seq FROM sqlite_sequence WHERE name = 'usuarios'")
        )


def cleanse(base: Path) -> None:
    """Replace the base file of all three tables by a copy without plain passwords."""
    with closing(sqlite3.connect(base, isolation_level=None)) as connection:
        if not connection.execute("SELECT 1 FROM usuarios WHERE password <> '' LIMIT 1").fetchone():
            return
        connection.execute("PRAGMA journal_mode = DELETE")
        side = base.with_name(f"{base.name}.new")
        side.unlink(missing_ok=True)
        descriptor = os.open(side, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.close(descriptor)
        with closing(sqlite3.connect(side, isolation_level=None)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA secure_delete = ON")
            copy.execute("UPDATE usuarios SET password = ''")
        seal(side)
        replace(side, base)
    print(f"{base.name}: replaced by a copy without passwords", flush=True)


OLD_DATA = OldData("usuarios", convert, cleanse)
