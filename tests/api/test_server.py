"""How a service runs, ends and lives with its database: signals, instances, locks, full disks (P16, P20, P21; issue 2)."""

import fcntl
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import requests
from sqlalchemy.engine import make_url

from tests.api.wire import JSON, answer_on, connection, request
from tests.ports import free_port
from tests.shop import FILES, Service, Shop

NewShop = Callable[..., Shop]
UNAVAILABLE = 69
# Files, their locks and their disk are SQLite's; PostgreSQL's are its server's.
ABOUT_FILES = pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")


@pytest.fixture
def lone(new_shop: NewShop) -> Shop:
    """A shop whose usuarios runs alone."""
    shop = new_shop(running=False)
    shop.usuarios.start()
    return shop


def an_account(number: int = 0) -> dict[str, str]:
    return {"nombre": "Ana", "email": f"ana{number}@servidor.test", "password": "12345678"}


def is_alive(process: int) -> bool:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def eventually(happens: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def answers(service: Service) -> bool:
    with suppress(requests.RequestException):
        return service.get("/health", timeout=1).status_code == 200
    return False


@contextmanager
def writes_blocked(service: Service) -> Iterator[None]:
    """Another program holds the lock that every write of accounts needs; reading goes on."""
    url = make_url(service.database)
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(url.database or "", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    with psycopg.connect(service.database) as session:
        session.execute(f"LOCK TABLE {service.name}.contador IN EXCLUSIVE MODE".encode())
        yield
        session.rollback()


# --- ending --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_service_and_frees_its_port(new_shop: NewShop, name: str, number: int) -> None:
    service: Service = getattr(new_shop(running=False), name)
    service.start()
    assert service.process is not None
    service.process.send_signal(number)
    assert service.process.wait(16) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", service.port)) != 0
    service.start()
    assert service.get("/health").status_code == 200


def test_sigterm_finishes_what_is_running_and_takes_nothing_new(lone: Shop) -> None:
    usuarios = lone.usuarios
    assert usuarios.process is not None
    received: list[requests.Response] = []
    with connection(usuarios) as half_sent, connection(usuarios) as idle:
        body = b'{"nombre":"Eva","email":"eva@servidor.test","password":"12345678"}'
        half_sent.sendall(request("POST /registro", f"{JSON}Content-Length: {len(body)}\r\n", body[:20]))
        idle.sendall(request("GET /health"))
        assert answer_on(idle).status == 200
        with writes_blocked(usuarios):
            waiting = threading.Thread(
                target=lambda: received.append(usuarios.post("/registro", json=an_account()))
            )
            waiting.start()
            time.sleep(0.5)  # it waits for the lock now: nothing can be seen of that from outside
            usuarios.process.send_signal(signal.SIGTERM)
            assert eventually(lambda: not answers(usuarios))
            assert usuarios.process.poll() is None
            with suppress(ConnectionError):
                idle.sendall(request("GET /ready"))
            assert answer_on(idle).status in (0, 503)
        half_sent.sendall(body[20:])
        assert answer_on(half_sent).status == 201
        waiting.join(10)
    assert [answer.status_code for answer in received] == [201]
    assert usuarios.process.wait(16) == 0
    usuarios.start()
    for email in ("ana0@servidor.test", "eva@servidor.test"):
        assert lone.sign_in(email, "12345678").email == email


def test_a_stop_in_the_middle_of_many_requests_loses_none_that_was_answered(lone: Shop) -> None:
    usuarios = lone.usuarios
    assert usuarios.process is not None
    registered: list[str] = []
    stopped = threading.Event()

    def register(first: int) -> None:
        session = requests.Session()
        session.trust_env = False
        for number in range(first, first + 1000):
            if stopped.is_set():
                return
            account = an_account(number)
            try:
                answer = session.post(f"{usuarios.url}/registro", json=account, timeout=20)
            except requests.RequestException:
                return  # refused or cut: its outcome is unknown, which is no promise
            assert answer.status_code in (201, 503)
            if answer.status_code == 201:
                registered.append(account["email"])

    threads = [threading.Thread(target=register, args=(1000 * place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: len(registered) > 20, 20)
    assert usuarios.stop() == 0
    stopped.set()
    for thread in threads:
        thread.join()
    usuarios.start()
    kept = {row.email for row in usuarios.sql("SELECT email FROM usuarios")}
    assert set(registered) <= kept


# --- instances -----------------------------------------------------------------------------------------------------


def run_to_its_end(service: Service, **environment: str) -> tuple[int, list[str]]:
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{service.name}"],
        cwd=service.folder,
        env={**service.environment, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return ended.returncode, ended.stderr.splitlines()


@pytest.mark.parametrize("name", FILES)
def test_a_taken_port_is_named(shop: Shop, name: str, tmp_path: Path) -> None:
    service: Service = getattr(shop, name)
    elsewhere = {"DATABASE_URL": f"sqlite:///{tmp_path / 'database.db'}"}
    code, lines = run_to_its_end(service, **elsewhere)
    assert (code, len(lines)) == (UNAVAILABLE, 1), lines
    assert str(service.port) in lines[0]
    assert not list(tmp_path.glob("*.db"))
    assert service.get("/health").status_code == 200


@ABOUT_FILES
@pytest.mark.parametrize("name", FILES)
def test_a_second_instance_on_one_file_is_refused(shop: Shop, name: str) -> None:
    service: Service = getattr(shop, name)
    code, lines = run_to_its_end(service, **{f"{name.upper()}_PORT": str(free_port())})
    assert (code, len(lines)) == (UNAVAILABLE, 1), lines
    assert FILES[name] in lines[0]
    assert service.get("/ready").status_code == 200


@ABOUT_FILES
def test_a_file_that_was_let_go_of_just_now_is_waited_for(lone: Shop) -> None:
    usuarios = lone.usuarios
    assert usuarios.stop() == 0
    with (lone.folder / "usuarios.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        usuarios.start(wait=False)
        time.sleep(0.5)  # it stands before the lock
        assert usuarios.process is not None
        assert usuarios.process.poll() is None
        assert not answers(usuarios)
    usuarios.wait_ready()


# --- the database --------------------------------------------------------------------------------------------------


def test_a_locked_database_that_can_be_read_is_ready_and_a_write_waits_its_turn(lone: Shop) -> None:
    usuarios, admin = lone.usuarios, lone.admin
    with writes_blocked(usuarios):
        assert usuarios.get("/ready").status_code == 200
        assert usuarios.get("/health").status_code == 200
        assert usuarios.get("/perfil", admin.token).status_code == 200
        started = time.monotonic()
        refused = usuarios.post("/registro", json=an_account())
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["Content-Type"] == "application/json"
        assert 1.5 < time.monotonic() - started < 3.5
    assert usuarios.sql("SELECT count(*) FROM usuarios")[0][0] == 1
    started = time.monotonic()
    assert usuarios.post("/registro", json=an_account()).status_code == 201
    assert time.monotonic() - started < 1.5

    released = threading.Event()
    with writes_blocked(usuarios):
        received: list[int] = []

        def register() -> None:
            received.append(usuarios.post("/registro", json=an_account(1)).status_code)
            released.set()

        threading.Thread(target=register).start()
        assert not released.wait(1)
    assert released.wait(5)
    assert received == [201]


def test_a_bad_request_leaves_no_lock_behind(lone: Shop) -> None:
    usuarios = lone.usuarios
    for number in range(20):
        bad = {**an_account(number), "password": None}
        assert usuarios.post("/registro", json=bad).status_code == 400
        started = time.monotonic()
        assert usuarios.post("/registro", json=an_account(number)).status_code == 201
        assert usuarios.post("/registro", json=an_account(number)).status_code == 400
        assert time.monotonic() - started < 2


@contextmanager
def unreadable(shop: Shop) -> Iterator[None]:
    url = make_url(shop.usuarios.database)
    if shop.backend == "sqlite":
        with Path(f"{url.database}-shm").open("r+b") as index:
            # Every lock of the journal's index, of readers too (https://sqlite.org/walformat.html, 2.3).
            fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 8, 120)
            yield
        return
    name = url.database
    administration = url.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(administration, autocommit=True) as session:
        session.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield
        session.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


def test_an_unreadable_database_is_not_ready_but_the_process_is_healthy(lone: Shop) -> None:
    usuarios, admin = lone.usuarios, lone.admin
    with unreadable(lone):
        assert eventually(lambda: usuarios.get("/ready").status_code == 503)
        started = time.monotonic()
        answer = usuarios.get("/ready")
        assert (answer.status_code, set(answer.json())) == (503, {"error"})
        assert "Retry-After" in answer.headers
        assert time.monotonic() - started < 1
        assert usuarios.get("/health").status_code == 200
        refused = usuarios.get("/perfil", admin.token)
        assert refused.status_code == 503
        assert "Retry-After" in refused.headers
    assert eventually(lambda: usuarios.get("/ready").status_code == 200)
    assert eventually(lambda: usuarios.get("/perfil", admin.token).status_code == 200)


@ABOUT_FILES
def test_a_full_disk_refuses_writes_reads_on_and_recovers_by_itself(lone: Shop) -> None:
    usuarios, admin = lone.usuarios, lone.admin
    resource.prlimit(usuarios.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    for number in range(3):
        refused = usuarios.post("/registro", json=an_account(number))
        assert (refused.status_code, refused.headers.get("Retry-After")) == (503, "1")
        assert usuarios.get("/perfil", admin.token).status_code == 200
        assert usuarios.get("/ready").status_code == 200
    resource.prlimit(usuarios.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for number in range(3):
        assert usuarios.post("/registro", json=an_account(number)).status_code == 201
    rows = usuarios.sql("SELECT id FROM usuarios ORDER BY id")
    assert [row.id for row in rows] == [1, 2, 3, 4]
    assert usuarios.sql("PRAGMA integrity_check") == [("ok",)]


def test_an_acknowledged_account_survives_kill_9(lone: Shop) -> None:
    usuarios = lone.usuarios
    for turn in range(3):
        assert usuarios.post("/registro", json=an_account(turn)).status_code == 201
        usuarios.kill()
        usuarios.start()
        assert lone.sign_in(f"ana{turn}@servidor.test", "12345678").id == turn + 1
