"""Keeps the data sets that were made, for as long as neither they nor the services' migrations change."""

import fcntl
import hashlib
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from bench import data
from bench.programs import FILES, ROOT, Shop, running
from services.common.migrate import locked

KEPT = ROOT / "data" / "bench"


def copy_of(size: data.Size, folder: Path, say: data.Say) -> None:
    """Put the databases of a shop of this size into ``folder``, and its peers' into ``folder / "peers"``."""
    shutil.copytree(made(size, say), folder, dirs_exist_ok=True)


def made(size: data.Size, say: data.Say) -> Path:
    """The folder of the set, made now where it is not there; who comes meanwhile waits."""
    folder = KEPT / f"{size.name}-{fingerprint(size)}"
    KEPT.mkdir(parents=True, exist_ok=True)
    with locked(KEPT / size.name, fcntl.LOCK_EX):
        if not folder.exists():
            for older in KEPT.glob(f"{size.name}-*"):
                shutil.rmtree(older)
            building = Path(tempfile.mkdtemp(prefix=f"building-{size.name}-", dir=KEPT))
            make(size, building, say)
            building.rename(folder)
    return folder


def make(size: data.Size, folder: Path, say: data.Say) -> None:
    say("migrations")
    shop = Shop(folder)
    with running(shop):
        pass
    connections = {name: sqlite3.connect(folder / file) for name, file in FILES.items()}

    def run(service: str, statement: str, rows: list[dict[str, Any]]) -> None:
        with connections[service] as connection:
            connection.executemany(statement, rows)

    for connection in connections.values():
        connection.execute("PRAGMA synchronous = OFF")
    data.fill_shop(run, size, say)
    for connection in connections.values():
        with closing(connection):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if size.with_peers:
        data.fill_peers(folder / "peers", size)
    for leftover in (*folder.glob("*.log"), *folder.glob("*.lock")):
        leftover.unlink()


def fingerprint(size: data.Size) -> str:
    """Changes with the size, the rows, and the services' migrations."""
    sources = [Path(data.__file__), *sorted((ROOT / "services").glob("*/migrations/versions/*.py"))]
    content = repr(size).encode() + b"".join(path.read_bytes() for path in sources)
    return hashlib.sha256(content).hexdigest()[:12]
