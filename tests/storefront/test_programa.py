"""`python -m storefront` as a program: what it refuses, how it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from storefront.settings import SettingsError, load_settings
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "STOREFRONT_SECRET_KEY": "a secret of the program's tests, long enough",
    "STOREFRONT_EMAIL": "lector@pingui.test",
    "STOREFRONT_PASSWORD": "the reader's password",
}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"STOREFRONT_SECRET_KEY": ""}, "STOREFRONT_SECRET_KEY"),
        ({"STOREFRONT_SECRET_KEY": "short"}, "STOREFRONT_SECRET_KEY"),
        ({"SECRET_KEY": GOOD["STOREFRONT_SECRET_KEY"]}, "SECRET_KEY"),
        ({"STOREFRONT_EMAIL": ""}, "STOREFRONT_EMAIL"),
        ({"PORT": "http"}, "PORT"),
        ({"PORT": "70000"}, "PORT"),
        ({"HOST": "0.0.0.0"}, "HOSTS_PERMITIDOS"),
        ({"HOST": "0.0.0.0", "HOSTS_PERMITIDOS": "tienda.example", "DEBUG": "True"}, "DEBUG"),
        ({"DEBUG": "perhaps"}, "DEBUG"),
        ({"MONEDA": "JPY"}, "MONEDA"),
        ({"MONEDA": "pesos"}, "MONEDA"),
        ({"PEDIDOS_URL": "file:///etc/passwd"}, "PEDIDOS_URL"),
        ({"REDIS_URL": "http://127.0.0.1:6379"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://127.0.0.1:port"}, "REDIS_URL"),
        ({"REDIS_URL": "127.0.0.1:6379"}, "REDIS_URL"),
        ({"USUARIOS_URL": "127.0.0.1:5003"}, "USUARIOS_URL"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, changes: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_settings({**GOOD, **changes}, tmp_path / ".env")


def test_the_environment_wins_over_the_file_and_the_database_stands_with_the_others(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=5000\nMONEDA=EUR\nDATABASE_URL=sqlite:////var/shop/database.db\n")
    settings = load_settings({**GOOD, "PORT": "5050"}, tmp_path / ".env")
    assert (settings.port, settings.currency) == (5050, "EUR")
    assert settings.database == Path("/var/shop/storefront.db")
    assert settings.pedidos_url == "http://127.0.0.1:5002"


def test_the_original_sample_starts_without_a_setting_of_ours(tmp_path: Path) -> None:
    sample = {"SECRET_KEY": "x", "DATABASE_URL": "sqlite:///database.db", "PORT": "5000", "DEBUG": "True"}
    settings = load_settings(sample, tmp_path / ".env")
    assert (settings.port, settings.debug, settings.database) == (5000, True, Path("storefront.db"))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    ports = {f"{name}_PORT": str(free_port()) for name in ("USUARIOS", "PRODUCTOS", "PEDIDOS")}
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PORT": str(free_port()),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'database.db'}",
        **GOOD,
        **ports,
    }


@pytest.fixture
def program(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "storefront"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not _answers(environment):
        assert process.poll() is None
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def _answers(environment: dict[str, str]) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{environment['PORT']}/ready", timeout=1).status_code == 200
    except requests.RequestException:
        return False


def run_to_its_end(environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "storefront"],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_bad_setting_ends_the_program_with_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    ended = run_to_its_end({**environment, "STOREFRONT_SECRET_KEY": "short"}, tmp_path)
    assert ended.returncode == 78
    assert ended.stderr.count("\n") == 1
    assert "STOREFRONT_SECRET_KEY" in ended.stderr


@pytest.mark.parametrize("fault", ["no folder", "no database", "no redis"])
def test_a_store_that_cannot_be_used_ends_the_program_with_one_line(
    environment: dict[str, str], tmp_path: Path, fault: str
) -> None:
    (tmp_path / "storefront.db").write_bytes(bytes(range(256)) * 20)
    (tmp_path / ".env").touch()
    changes = {
        "no folder": {"STOREFRONT_DATABASE": str(tmp_path / "not there" / "storefront.db")},
        "no database": {"STOREFRONT_DATABASE": str(tmp_path / "storefront.db")},
        "no redis": {
            "REDIS_URL": f"redis://:canary@127.0.0.1:{free_port()}/0",
            "DEBUG": "True",
            "STOREFRONT_EMAIL": "",
        },
    }[fault]
    ended = run_to_its_end({**environment, **changes}, tmp_path)
    assert ended.returncode == 69
    assert ended.stderr.count("\n") == 1
    assert "the store cannot be used" in ended.stderr
    assert "canary" not in ended.stderr


def test_it_ends_on_sigterm_and_finishes_the_page_it_is_making(
    program: subprocess.Popen[bytes], environment: dict[str, str]
) -> None:
    """A service that never answers makes a page that takes its time; it is answered all the same."""
    listener = socket.create_server(("127.0.0.1", int(environment["PRODUCTOS_PORT"])))
    with listener, socket.create_connection(("127.0.0.1", int(environment["PORT"]))) as visitor:
        visitor.sendall(b"GET /estado HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        listener.settimeout(10)
        waiting, _address = listener.accept()
        with waiting:
            program.send_signal(signal.SIGTERM)
            visitor.settimeout(10)
            assert visitor.recv(15).startswith(b"HTTP/1.1 200 OK")
    assert program.wait(20) == 0


def test_the_worker_does_not_outlive_its_parent(
    program: subprocess.Popen[bytes], environment: dict[str, str]
) -> None:
    os.kill(program.pid, signal.SIGKILL)
    program.wait(10)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", int(environment["PORT"])), timeout=1).close()
        except OSError:
            return
    raise AssertionError("somebody still listens")


def test_a_taken_port_is_named(
    program: subprocess.Popen[bytes], environment: dict[str, str], tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "storefront"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 69
    assert environment["PORT"] in ended.stderr


def test_debug_shows_no_console(environment: dict[str, str], tmp_path: Path) -> None:
    from tests.storefront.conftest import a_storefront

    app = a_storefront(tmp_path, debug=True)
    for path in ("/console", "/?__debugger__=yes&cmd=resource&f=debugger.js"):
        assert b"Werkzeug" not in app.test_client().get(path).get_data()
