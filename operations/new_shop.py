"""A whole new shop for measuring: `make run` on free ports, with data of its own that is gone afterwards."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READY = "Pingüi is ready"
START_SECONDS = 90
PROGRAMS = ("", "USUARIOS_", "PRODUCTOS_", "PEDIDOS_")


@contextmanager
def new_shop() -> Iterator[str]:
    """The address of a shop with the demo catalogue and without accounts. Raises RuntimeError when it does not start."""
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(Path(folder))
        process = subprocess.Popen(
            [sys.executable, "-m", "operations.run"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            _wait_until_ready(process)
            yield f"http://127.0.0.1:{environment['PORT']}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _environment(folder: Path) -> dict[str, str]:
    """Settings that win over .env: free ports, an own folder for the data, new secrets."""
    ports = {f"{prefix}PORT": str(port) for prefix, port in zip(PROGRAMS, _free_ports(), strict=True)}
    services = {f"{name}URL": f"http://127.0.0.1:{ports[f'{name}PORT']}" for name in PROGRAMS if name}
    return {
        **os.environ,
        **ports,
        **services,
        "HOST": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{folder / 'database.db'}",
        "STOREFRONT_DATABASE": str(folder / "storefront.db"),
        **{
            name: secrets.token_urlsafe(48)
            for name in ("SECRET_KEY", "STOREFRONT_SECRET_KEY", "STOREFRONT_PASSWORD")
        },
        "STOREFRONT_EMAIL": "escaparate@pingui.localhost",
        "DEBUG": "False",
        "LOG_FORMAT": "json",
    }


def _free_ports() -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PROGRAMS]
    try:
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    """Reads what the programs say until all are ready, and goes on reading so that none waits for its reader."""
    lines: Iterator[str] = iter(process.stdout or ())
    said = ""
    limit = threading.Timer(START_SECONDS, process.kill)
    limit.start()
    for line in lines:
        said += line
        if READY in line:
            limit.cancel()
            threading.Thread(target=deque, args=(lines, 0), daemon=True).start()
            return
    limit.cancel()
    raise RuntimeError(f"the shop did not start:\n{said[-3000:]}")
