"""A real Redis for the tests: a server of their own in a temporary folder, each write synced as deploy/ says."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis, RedisError

from tests.ports import free_port

START_SECONDS = 10.0


class RedisServer:
    """A running server. It can be killed, frozen and started again over what it has kept. ``more`` are options of it."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder = folder
        self.more = more
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: apt-get install redis-server"
        options = {"bind": "127.0.0.1", "port": self.port, "appendonly": "yes", "appendfsync": "always"}
        options.update(self.more)
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen(
            [program, *words, "--save", "", "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"]},
        )
        deadline = time.monotonic() + START_SECONDS
        with Redis(port=self.port) as client:
            while time.monotonic() < deadline and self.process.poll() is None:
                try:
                    client.ping()
                    return
                except RedisError:
                    time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def _signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(10)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)


@contextmanager
def running(folder: Path, **more: str) -> Iterator[RedisServer]:
    """A server that is gone at the end of the block."""
    server = RedisServer(folder, **more)
    try:
        yield server
    finally:
        server.kill()
