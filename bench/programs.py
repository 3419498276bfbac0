"""The shop as ``make run`` starts it, and its peers, each with ports and data of its own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from bench.data import READER_EMAIL, READER_PASSWORD
from bench.load import LoadError
from bench.processes import free_port, group_of

ROOT = Path(__file__).resolve().parents[1]
SECRET = "a secret of the benchmark, forty bytes long"  # noqa: S105 - of shops that live for minutes
FILES = {"usuarios": "usuarios.db", "productos": "productos.db", "pedidos": "pedido.db"}
MODULES = {**{name: f"services.{name}" for name in FILES}, "storefront": "storefront"}
START_SECONDS = 90.0


class Program:
    """A process in a session of its own whose output goes to a file."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        self.started = time.monotonic()
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_for(self, *addresses: str) -> float:
        """Seconds from the start until every address has answered below 500; raise LoadError where one does not."""
        waiting = list(addresses)
        while waiting and time.monotonic() - self.started < START_SECONDS and self.process.poll() is None:
            waiting = [address for address in waiting if not answers(address)]
            if waiting:
                time.sleep(0.01)
        if waiting:
            raise LoadError(f"{waiting[0]} does not answer:\n{self.log.read_text()[-2000:]}")
        return time.monotonic() - self.started

    def stop(self) -> None:
        """End it as an operator would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(10)


def answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=5).status_code < 500
    except requests.RequestException:
        return False


class Shop:
    """All four programs. ``folder`` holds its databases; ``database`` is the URL of a PostgreSQL base instead."""

    def __init__(
        self, folder: Path, database: str = "", command: tuple[str, ...] = (), **settings: str
    ) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in MODULES}
        self.environment = {
            **os.environ,
            **isolated(folder, database, self.ports),
            "SECRET_KEY": SECRET,
            "STOREFRONT_SECRET_KEY": f"{SECRET}, for cookies",
            "STOREFRONT_EMAIL": READER_EMAIL,
            "STOREFRONT_PASSWORD": READER_PASSWORD,
            "JWT_EXPIRATION_HOURS": "24",
            "DEMO": "false",
            **settings,
        }
        self._command = list(command) or [sys.executable, "-m", "operations.run"]
        self._program: Program | None = None

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def start(self) -> float:
        """Seconds until the first page was answered and every program was ready."""
        self._program = Program(self._command, self.environment, self.folder / "shop.log")
        page = self._program.wait_for(f"{self.address('storefront')}/")
        self._program.wait_for(*(f"{self.address(name)}/ready" for name in MODULES))
        return page

    def stop(self) -> None:
        if self._program:
            self._program.stop()

    @property
    def supervisor(self) -> int:
        """The process group of what started the four programs."""
        assert self._program is not None
        return self._program.process.pid

    def group(self, name: str) -> int:
        """The process group of one program."""
        return group_of(self.supervisor, MODULES[name])


def isolated(folder: Path, database: str, ports: dict[str, int]) -> dict[str, str]:
    """Settings that keep a shop apart from every other one, whatever this machine's .env says."""
    named = {f"{name.upper()}_PORT": str(ports[name]) for name in FILES}
    reached = {f"{name.upper()}_URL": f"http://127.0.0.1:{ports[name]}" for name in FILES}
    stored = {
        f"{name.upper()}_DATABASE_URL": database or f"sqlite:///{folder / FILES[name]}" for name in FILES
    }
    return {
        **named,
        **reached,
        **stored,
        "PORT": str(ports["storefront"]),
        "DATABASE_URL": database or f"sqlite:///{folder / 'database.db'}",
        "STOREFRONT_DATABASE": str(folder / "storefront.db"),
        "REDIS_URL": "",
        "HOST": "127.0.0.1",
        "HOSTS_PERMITIDOS": "",
        "DEBUG": "False",
        "SECRET_KEY_ANTERIORES": "",
        "ADMIN_EMAILS": "",
    }


class Peer:
    """One program of bench.peers."""

    def __init__(self, folder: Path, module: str, *arguments: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        words = [argument.replace("PORT", str(self.port)) for argument in arguments]
        self._program = Program(
            [sys.executable, "-m", f"bench.peers.{module}", *words],
            {**os.environ, "SECRET_KEY": SECRET},
            folder / f"{module}-{self.port}.log",
        )

    @property
    def group(self) -> int:
        """Its process group."""
        return self._program.process.pid

    def wait(self) -> None:
        self._program.wait_for(self.address)

    def stop(self) -> None:
        self._program.stop()


def end_orderly() -> None:
    """Let SIGTERM end this program as Ctrl-C does: what it started ends with it."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


@contextmanager
def running(*programs: Shop | Peer) -> Iterator[None]:
    """Start shops, wait for peers, and end all."""
    try:
        for program in programs:
            if isinstance(program, Shop):
                program.start()
            else:
                program.wait()
        yield
    finally:
        for program in programs:
            program.stop()


@contextmanager
def scratch(make: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """A folder on the project's own disk that is gone afterwards."""
    parent = ROOT / "data" / "bench"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    try:
        if make:
            make(folder)
        yield folder
    finally:
        shutil.rmtree(folder)
