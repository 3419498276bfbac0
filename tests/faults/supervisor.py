"""The four programs on free ports, a proxy on every way between them, and a supervisor that starts what dies."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from tests.ports import free_port
from tests.proxy import Proxy
from tests.shop import START_SECONDS, Service, Shop

GRACIA = 1.0
# The list of earlier keys is separated by commas, so a key that is to be followed by another has none.
SECRET = "the secret of the fault tests of forty bytes"
STOREFRONT_SECRET = "a secret of the storefront, long enough for it"
WATCH_SECONDS = 0.05
TO_USUARIOS, TO_PRODUCTOS, TO_PEDIDOS = "storefront→usuarios", "storefront→productos", "storefront→pedidos"
RESERVAS = "pedidos→productos"
HOPS = {TO_USUARIOS: "usuarios", TO_PRODUCTOS: "productos", TO_PEDIDOS: "pedidos", RESERVAS: "productos"}


class Storefront(Service):
    """``python -m storefront``, started and asked as the services are."""

    @property
    def module(self) -> str:
        return "storefront"


class FaultyShop(Shop):
    """A whole shop. ``hops`` are the proxies by the way they stand in; ``supervisor`` keeps the programs running."""

    def __init__(self, folder: Path, database: str, **environment: str) -> None:
        self.hops = {name: Proxy() for name in HOPS}
        settings = {
            "SECRET_KEY": SECRET,
            "PRODUCTOS_URL": self.hops[RESERVAS].url,
            "PEDIDOS_GRACIA": str(GRACIA),
            **environment,
        }
        super().__init__(folder, database, settings)
        for name, service in HOPS.items():
            self.hops[name].target = getattr(self, service).port
        self.storefront = self._storefront(folder)
        self.programs: tuple[Service, ...] = (*self.services, self.storefront)
        self.supervisor = Supervisor(self.programs)

    def _storefront(self, folder: Path) -> Storefront:
        environment = {
            **self.environment,
            **{f"{HOPS[hop].upper()}_URL": self.hops[hop].url for hop in HOPS if hop != RESERVAS},
            "STOREFRONT_SECRET_KEY": STOREFRONT_SECRET,
            "STOREFRONT_DATABASE": self.environment.get("STOREFRONT_DATABASE", str(folder / "storefront.db")),
        }
        del environment["SECRET_KEY"]
        port = free_port()
        return Storefront("storefront", folder, {**environment, "PORT": str(port)}, "", port)

    def program(self, name: str) -> Service:
        return next(program for program in self.programs if program.name == name)

    def start(self) -> None:
        super().start()
        assert self.admin.id == 1
        self.storefront.start()
        self.supervisor.begin()

    def stop(self) -> None:
        self.supervisor.end()
        for program in self.programs:
            if program.process is not None and program.process.poll() is None:
                program.kill()
            program.session.close()
        for hop in self.hops.values():
            hop.stop()

    def heal(self) -> None:
        """The end of every fault: messages pass, stopped processes go on."""
        for hop in self.hops.values():
            hop.heal()
        for program in self.programs:
            with suppress(ProcessLookupError):
                program.resume()


class Supervisor:
    """Starts again, in its own process group, each program that has ended; but those that are ``resting``."""

    def __init__(self, programs: tuple[Service, ...]) -> None:
        self.programs = programs
        self.kills: Counter[str] = Counter()
        self._resting: set[Service] = set()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._ending.wait(WATCH_SECONDS):
            for program in self.programs:
                with self._lock:
                    ended = program.process is None or program.process.poll() is not None
                    if ended and program not in self._resting:
                        program.start(wait=False)

    def kill(self, program: Service) -> None:
        """kill -9 of a program that runs."""
        with self._lock:
            if program.process is not None and program.process.poll() is None:
                self.kills[program.name] += 1
                program.kill()

    @contextmanager
    def resting(self, program: Service) -> Iterator[None]:
        """While the block runs nobody starts ``program``; at its end it runs."""
        with self._lock:
            self._resting.add(program)
        try:
            yield
        finally:
            with self._lock:
                self._resting.discard(program)

    def wait_ready(self, seconds: float = START_SECONDS) -> float:
        """Wait until every program serves; the seconds it took."""
        begun = time.monotonic()
        for program in self.programs:
            while not serves(program):
                passed = time.monotonic() - begun
                assert passed < seconds, (
                    f"I10 {program.name} does not serve after {passed:.1f} s:\n{tail(program)}"
                )
                time.sleep(0.02)
        return time.monotonic() - begun


def serves(program: Service) -> bool:
    try:
        return program.get("/ready", timeout=1).status_code == 200
    except requests.RequestException:
        return False


def tail(program: Service) -> str:
    return program.log.read_text(errors="replace")[-2000:]
