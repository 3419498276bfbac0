"""A shop for the tests: the three services as real processes on free ports, over a database of their own."""

import itertools
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import Row, make_url

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
SECRET = "a secret of the tests, forty bytes long.."
READER_EMAIL, READER_PASSWORD = "lector@pingui.test", "the reader's password"
START_SECONDS = 15.0
FILES = {"usuarios": "usuarios.db", "productos": "productos.db", "pedidos": "pedido.db"}


@dataclass(frozen=True)
class Person:
    """Someone with an account and a token."""

    id: int
    nombre: str
    email: str
    password: str
    token: str


class Service:
    """One service as a process, its HTTP and its database."""

    def __init__(
        self, name: str, folder: Path, environment: dict[str, str], database: str, port: int
    ) -> None:
        self.name = name
        self.folder = folder
        self.environment = environment
        self.database = database
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.session = requests.Session()
        self.session.trust_env = False
        # A connection that idled may be closed by the service just when the next request goes out.
        self.session.headers["Connection"] = "close"

    @property
    def module(self) -> str:
        return f"services.{self.name}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, wait: bool = True) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if self.session.get(f"{self.url}/ready", timeout=1).status_code == 200:
                    return
            except requests.RequestException:
                pass
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> int:
        """End it as an operator would (SIGTERM); its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """kill -9, parent and worker."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def pause(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    def request(self, method: str, path: str, token: str | None = None, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        headers.update(options.pop("headers", {}))
        options.setdefault("timeout", 30)
        options.setdefault("allow_redirects", False)
        return self.session.request(method, f"{self.url}{path}", headers=headers, **options)

    def get(self, path: str, token: str | None = None, **options: Any) -> requests.Response:
        return self.request("GET", path, token, **options)

    def post(self, path: str, token: str | None = None, **options: Any) -> requests.Response:
        return self.request("POST", path, token, **options)

    def put(self, path: str, token: str | None = None, **options: Any) -> requests.Response:
        return self.request("PUT", path, token, **options)

    def patch(self, path: str, token: str | None = None, **options: Any) -> requests.Response:
        return self.request("PATCH", path, token, **options)

    def delete(self, path: str, token: str | None = None, **options: Any) -> requests.Response:
        return self.request("DELETE", path, token, **options)

    def sql(self, statement: str, **parameters: Any) -> Sequence[Row[Any]]:
        """Run a statement straight on its database; the rows, where it gives any."""
        url = make_url(self.database)
        if url.get_backend_name() == "postgresql":
            engine = create_engine(
                url.set(drivername="postgresql+psycopg"),
                poolclass=NullPool,
                connect_args={"options": f"-c search_path={self.name}"},
            )
        else:
            engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 5})
        try:
            with engine.begin() as connection:
                result = connection.execute(text(statement), parameters)
                return result.all() if result.returns_rows else []
        finally:
            engine.dispose()


class Shop:
    """Three services that know each other. ``database`` is the URL of the base database."""

    def __init__(self, folder: Path, database: str, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.backend = make_url(database).get_backend_name()
        (folder / ".env").touch()
        ports = {name: free_port() for name in FILES}
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "SECRET_KEY": SECRET,
            "DATABASE_URL": database,
            "LIMITE_ACCESOS": "0",
            "LIMITE_REGISTROS": "0",
            "STOREFRONT_EMAIL": READER_EMAIL,
            "STOREFRONT_PASSWORD": READER_PASSWORD,
            **{f"{name.upper()}_PORT": str(port) for name, port in ports.items()},
            **(environment or {}),
        }
        base = make_url(database)
        for name, file in FILES.items():
            own = (
                database
                if self.backend == "postgresql"
                else f"sqlite:///{Path(base.database or '').parent / file}"
            )
            setattr(self, name, Service(name, folder, self.environment, own, ports[name]))
        self._numbers = itertools.count(1)
        self._admin: Person | None = None

    usuarios: Service
    productos: Service
    pedidos: Service

    @property
    def services(self) -> tuple[Service, Service, Service]:
        return self.usuarios, self.productos, self.pedidos

    def start(self) -> None:
        for service in self.services:
            service.start(wait=False)
        for service in self.services:
            service.wait_ready()

    def stop(self) -> None:
        for service in self.services:
            if service.process is not None and service.process.poll() is None:
                service.resume()
                service.kill()
            service.session.close()

    @property
    def admin(self) -> Person:
        """The first account: the shop's administrator."""
        if self._admin is None:
            self._admin = self.person()
            assert self._admin.id == 1
        return self._admin

    def person(self, **fields: str) -> Person:
        """A new account, signed in. The first one is the administrator, so ask for ``admin`` first."""
        number = next(self._numbers)
        account = {
            "nombre": f"Persona {number}",
            "email": f"persona{number}@pingui.test",
            "password": "contraseña 1",
        }
        account.update(fields)
        answer = self.usuarios.post("/registro", json=account)
        assert answer.status_code == 201, answer.text
        return self.sign_in(account["email"], account["password"])

    def sign_in(self, email: str, password: str) -> Person:
        answer = self.usuarios.post("/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        token = answer.json()["token"]
        profile = self.usuarios.get("/perfil", token).json()
        return Person(profile["id"], profile["nombre"], email, password, token)

    def a_producto(self, **fields: Any) -> int:
        """The id of a new product."""
        product = {"nombre": f"Producto {next(self._numbers)}", "precio": 129.9, **fields}
        answer = self.productos.post("/productos", self.admin.token, json=product)
        assert answer.status_code == 201, answer.text
        return int(answer.headers["Location"].rsplit("/", 1)[1])

    def a_pedido(
        self, person: Person, producto_id: int, cantidad: int = 1, key: str | None = None, **fields: Any
    ) -> requests.Response:
        """The answer to an order; ``key`` is its Idempotency-Key."""
        body = {"usuario_id": person.id, "producto_id": producto_id, "cantidad": cantidad, **fields}
        headers = {"Idempotency-Key": key} if key else {}
        return self.pedidos.post("/pedidos", person.token, json=body, headers=headers)


def a_key() -> str:
    return str(uuid.uuid4())
