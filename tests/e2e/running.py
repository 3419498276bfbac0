"""The four programs as processes, for a browser to visit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

from tests.ports import free_port
from tests.shop import START_SECONDS, Person, Shop

STOREFRONT_SECRET = "a secret of the browser tests, long enough"


class Storefront:
    """`python -m storefront` over the services at these addresses."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "storefront.log"
        self._folder = folder
        self._environment = {
            **environment,
            "PORT": str(self.port),
            "STOREFRONT_SECRET_KEY": STOREFRONT_SECRET,
            "STOREFRONT_DATABASE": str(folder / "storefront.db"),
        }
        self._environment.pop("SECRET_KEY", None)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "storefront"],
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if requests.get(f"{self.url}/ready", timeout=1).status_code == 200:
                    return
            except requests.RequestException:
                time.sleep(0.02)
        raise AssertionError(f"the storefront did not start:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> int:
        """Ends it as an operator would; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


class Running:
    """A whole shop: services and storefront."""

    def __init__(self, folder: Path) -> None:
        self.services = Shop(folder, f"sqlite:///{folder / 'database.db'}")
        self.storefront = Storefront(folder, self.services.environment)

    def start(self) -> None:
        self.services.start()
        assert self.services.admin.id == 1
        self.storefront.start()

    def stop(self) -> None:
        self.storefront.kill()
        self.services.stop()

    @property
    def url(self) -> str:
        return self.storefront.url

    @property
    def owner(self) -> Person:
        return self.services.admin

    def a_producto(self, **fields: Any) -> int:
        """The id of a new product that the shop's list shows already; its copy may be a second old."""
        number = self.services.a_producto(**fields)
        query = {"q": str(fields.get("nombre", ""))}
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if f'id="producto-{number}"' in requests.get(f"{self.url}/productos", query, timeout=10).text:
                return number
            time.sleep(0.05)
        raise AssertionError("the list does not show the new product")

    def orders_of(self, person_id: int) -> list[dict[str, object]]:
        rows = self.services.pedidos.sql(
            "SELECT id, producto_id, cantidad FROM pedidos WHERE usuario_id = :id AND fase = 'confirmado'",
            id=person_id,
        )
        return [dict(row._mapping) for row in rows]
