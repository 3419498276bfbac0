"""What operators do and find: rolling restarts and new keys (F13), backup and half a restore (F15), bad starts (F16)."""

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from services.common.tokens import Tokens
from tests.api.sagas import poll
from tests.faults import strace
from tests.faults.checker import UNFINISHED, VISIBLE
from tests.faults.conftest import Stage
from tests.faults.customers import Crowd
from tests.faults.history import OK
from tests.faults.selection import SEED, chosen
from tests.faults.supervisor import SECRET, FaultyShop
from tests.operations.programs import faults, program
from tests.shop import FILES, Service

LONGEST_STOP = 16.0
NEW_SECRET = "the new secret of the fault tests of forty bytes"
# Those that verify before the one that signs: nobody meets a signature that it does not know yet.
VERIFIERS_FIRST = ("productos", "pedidos", "usuarios")


def restart(shop: FaultyShop, service: Service, **environment: str) -> None:
    """As an operator does: SIGTERM, wait, start."""
    with shop.supervisor.resting(service):
        begun = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - begun < LONGEST_STOP
        service.environment = {**service.environment, **environment}
        service.start()


def test_a_rolling_restart_with_a_new_key(stage: Stage) -> None:
    """F13: each program ends when told, and the services sign with a new key; nobody is signed out, nothing told is lost."""
    shop = stage.shop
    products = [shop.a_producto(stock=5000), shop.a_producto(stock=50)]
    customers = [stage.a_customer() for _ in range(6)] + [stage.a_shopper() for _ in range(4)]
    with Crowd(customers, products, stage.seed):
        stage.until_more_ok()
        for one in (shop.storefront, *(shop.program(name) for name in chosen(VERIFIERS_FIRST, ["pedidos"]))):
            restart(shop, one)
            stage.until_more_ok()
        for name in VERIFIERS_FIRST:
            restart(shop, shop.program(name), SECRET_KEY=NEW_SECRET, SECRET_KEY_ANTERIORES=SECRET)
            stage.until_more_ok()
    assert 401 not in {call.status for call in stage.history.calls}
    for name in VERIFIERS_FIRST:
        restart(shop, shop.program(name), SECRET_KEY=SECRET, SECRET_KEY_ANTERIORES=NEW_SECRET)


def test_a_backup_under_load_and_half_a_restore(tmp_path: Path) -> None:
    """F15: a backup while people buy; then orders, then the catalogue alone are put back, and the auditor names the gap."""
    folder = tmp_path / "shop"
    folder.mkdir()
    shop = FaultyShop(folder, f"sqlite:///{folder / 'database.db'}")
    try:
        shop.start()
        stage = Stage(shop, "backup", tmp_path)
        products = [shop.a_producto(stock=5000)]
        customers = [stage.a_customer() for _ in range(6)]
        with Crowd(customers, products, stage.seed):
            stage.until_more_ok()
            told = {
                call.order
                for call in stage.history.calls
                if call.outcome == OK and call.intention.pedido is None
            }
            done = program("operations.backup", shop, tmp_path / "backup")
            assert done.status == 0, done
            stage.until_more_ok()
        poll(lambda: not shop.pedidos.sql(UNFINISHED))
        stop_all(shop)
        assert faults(shop) == []
        now = held_for_orders(folder)
        put_back(tmp_path / "backup", folder, "pedido.db")
        then = held_for_orders(folder)
        assert told <= numbers(folder / "pedido.db")
        assert lines(faults(shop), "for no order") == len(now - then)
        done = program("operations.release", shop)
        assert (done.status, done.lines.splitlines()[-1]) == (0, f"{len(now - then)} reservations released")
        assert lines(faults(shop), "for no order") == 0
    finally:
        shop.stop()


def stop_all(shop: FaultyShop) -> None:
    shop.supervisor.end()
    for one in shop.programs:
        one.stop()


def put_back(backup: Path, folder: Path, name: str) -> None:
    """Half a restore, by hand."""
    for ending in ("-wal", "-shm"):
        (folder / f"{name}{ending}").unlink(missing_ok=True)
    (copied,) = (file for file in backup.iterdir() if file.name.startswith(name.removesuffix(".db")[:6]))
    shutil.copy(copied, folder / name)


def held_for_orders(folder: Path) -> set[str]:
    """Reservations that are held and that an order knows."""
    with (
        closing(sqlite3.connect(folder / "pedido.db")) as pedidos,
        closing(sqlite3.connect(folder / "productos.db")) as productos,
    ):
        known = {row[0] for row in pedidos.execute("SELECT reserva_id FROM pedidos")}
        held = {row[0] for row in productos.execute("SELECT id FROM reservas WHERE estado = 'tomada'")}
    return known & held


def numbers(file: Path) -> set[int]:
    with closing(sqlite3.connect(file)) as opened:
        return {row[0] for row in opened.execute(VISIBLE)}


def lines(found: list[str], words: str) -> int:
    return sum(words in line for line in found)


class Start:
    """A service that an operator starts over some file, and what came of it."""

    def __init__(self, folder: Path, name: str = "pedidos") -> None:
        self.shop = FaultyShop(folder, f"sqlite:///{folder / 'database.db'}")
        self.service = self.shop.program(name)
        self.file = folder / FILES[name]

    def works(self) -> None:
        """It starts and serves, and ends when told."""
        self.service.start()
        assert self.service.get("/health").status_code == 200
        assert self.service.stop() == 0

    def refused(self) -> str:
        """It does not start, and says why in one line."""
        done = self.run([])
        assert done.returncode == 69, (done.returncode, done.stderr)
        (line,) = done.stderr.splitlines()
        assert line.startswith("pedidos: ")
        return line

    def run(self, before: list[str]) -> "subprocess.CompletedProcess[str]":
        command = [*before, sys.executable, "-m", f"services.{self.service.name}"]
        return subprocess.run(
            command,
            cwd=self.service.folder,
            env=self.service.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    folder = tmp_path / "shop"
    folder.mkdir()
    start = Start(folder)
    yield start
    start.shop.stop()


def nowhere(start: Start) -> None:
    (start.file.parent / "a file").touch()
    start.service.environment = {
        **start.service.environment,
        "PEDIDOS_DATABASE_URL": f"sqlite:///{start.file.parent}/a file/pedido.db",
    }


def no_database(start: Start) -> None:
    start.file.write_bytes(random.Random(SEED).randbytes(20_000))


def a_newer_schema(start: Start) -> None:
    start.works()
    with closing(sqlite3.connect(start.file)) as opened, opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize("bad", [nowhere, no_database, a_newer_schema])
def test_a_bad_start(start: Start, bad: Callable[[Start], None]) -> None:
    """F16: no folder, no database, a database of a later program: refused in one line, and the file stays as it is."""
    bad(start)
    before = start.file.read_bytes() if start.file.exists() else b""
    start.refused()
    assert (start.file.read_bytes() if start.file.exists() else b"") == before


def test_a_second_instance(start: Start) -> None:
    """F16: two programs never share a file."""
    start.service.start()
    mine = start.service.environment
    try:
        start.service.environment = {**mine, "PEDIDOS_PORT": str(start.shop.storefront.port)}
        assert "in use" in start.refused()
    finally:
        start.service.environment = mine
        start.service.kill()
    start.works()


@pytest.mark.parametrize("place", range(chosen([10], [2])[0]))
def test_a_damaged_file(start: Start, place: int) -> None:
    """F16: random bytes somewhere in the file: refused in one line, or answered with what is sound and 503; never 500."""
    start.works()
    content, chance = bytearray(start.file.read_bytes()), random.Random(f"{SEED} {place}")
    offset = chance.randrange(100) if place == 0 else chance.randrange(100, len(content))
    content[offset : offset + 64] = chance.randbytes(64)
    start.file.write_bytes(content)
    token = Tokens(SECRET).issue({"usuario_id": 1, "nombre": "Ana", "rol": "administrador"}, 1)
    start.service.start(wait=False)
    try:
        if ends_or_answers(start.service):
            for path in ("/health", "/ready", "/pedidos", "/pedidos/usuario/1", "/pedidos/1"):
                assert start.service.get(path, token).status_code in (200, 404, 503), path
        else:
            assert start.service.process is not None
            assert start.service.process.returncode == 69
    finally:
        if start.service.process is not None and start.service.process.poll() is None:
            start.service.kill()


def ends_or_answers(service: Service) -> bool:
    """Wait for one of them: whether it answers."""

    def known() -> bool:
        assert service.process is not None
        return service.process.poll() is not None or answers(service)

    poll(known, 30)
    return service.process is not None and service.process.poll() is None


def answers(service: Service) -> bool:
    try:
        return bool(service.get("/health", timeout=1).status_code)
    except OSError:
        return False


@pytest.mark.skipif(bool(strace.missing()), reason=strace.missing())
def test_killed_in_the_first_migration(start: Start) -> None:
    """F16: the tables are there as a whole or not at all, wherever the start dies; the next one makes them."""
    (step,) = chosen([3], [25])  # of the sixty and more writes of a first start
    died = 0
    for number in range(1 + random.Random(SEED).randrange(step), 200, step):
        for ending in ("", "-wal", "-shm", "-journal", ".lock"):
            start.file.with_name(start.file.name + ending).unlink(missing_ok=True)
        kill = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject=pwrite64:signal=KILL:when={number}"]
        with subprocess.Popen(
            [*kill, sys.executable, "-m", "services.pedidos"],
            cwd=start.service.folder,
            env=start.service.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as start.service.process:
            survived = ends_or_answers(start.service)
            if survived:
                start.service.kill()
        died += not survived
        start.works()
        if survived:
            break
    assert died > 0
