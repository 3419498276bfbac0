"""The storefront over three plain services in this process, and over the real ones as processes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.test import TestResponse

from storefront.app import close_app, create_app
from storefront.service import page_deadline
from storefront.settings import Settings
from tests.plain_services import apps
from tests.shop import READER_EMAIL, READER_PASSWORD, Shop
from tests.storefront.wsgi_transport import WsgiAdapter

SECRET = "a secret of the storefront's tests, long enough"
USUARIOS, PRODUCTOS, PEDIDOS = 15003, 15001, 15002
PASSWORD = "contraseña 1"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


class _Forms(HTMLParser):
    """The forms of a page: address, method and the fields that have values."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(
                {"action": given.get("action", ""), "method": given.get("method", "get"), "fields": {}}
            )
        if (
            tag == "input"
            and self.forms
            and "name" in given
            and given.get("type") not in ("checkbox", "file")
        ):
            self.forms[-1]["fields"].setdefault(given["name"], given.get("value", ""))


@dataclass
class Visit:
    """A browser without JavaScript: it keeps cookies, follows redirects and sends the forms it is given."""

    client: FlaskClient
    page: TestResponse | None = None
    trail: list[int] = field(default_factory=list)

    @property
    def text(self) -> str:
        assert self.page is not None
        return self.page.get_data(as_text=True)

    @property
    def status(self) -> int:
        assert self.page is not None
        return self.page.status_code

    @property
    def path(self) -> str:
        assert self.page is not None
        return self.page.request.full_path.rstrip("?")

    @property
    def heading(self) -> str:
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.text, re.S)
        assert found, self.text[:2000]
        return re.sub(r"<[^>]+>", "", found[1]).strip()

    def get(self, path: str, **headers: str) -> "Visit":
        self.page = self.client.get(path, follow_redirects=True, headers=headers)
        return self

    def post(self, path: str, fields: dict[str, Any] | None = None, follow: bool = True) -> "Visit":
        self.page = self.client.post(path, data=fields or {}, headers=SAME_SITE, follow_redirects=follow)
        for answer in (*self.page.history, self.page):
            answer.request.environ["wsgi.input"].close()
        return self

    def form(self, action: str) -> dict[str, Any]:
        """The fields of the form with this address (its end is enough)."""
        parser = _Forms()
        parser.feed(self.text)
        matching = [one for one in parser.forms if one["action"].split("?")[0].endswith(action)]
        assert matching, f"no form to {action}: {[one['action'] for one in parser.forms]}"
        return matching[0]

    def send(self, action: str, **fields: Any) -> "Visit":
        """Fills in and sends the form with this address."""
        form = self.form(action)
        return self.post(form["action"], {**form["fields"], **fields})

    def add_to_cart(self, producto_id: int, cantidad: int = 1) -> "Visit":
        return self.post("/carrito/lineas", {"producto": producto_id, "cantidad": cantidad})

    def register(
        self, nombre: str = "Ana", email: str = "ana@ejemplo.com", password: str = PASSWORD
    ) -> "Visit":
        return self.post("/registro", {"nombre": nombre, "email": email, "password": password})

    def sign_in(self, email: str = "ana@ejemplo.com", password: str = PASSWORD) -> "Visit":
        return self.post("/entrar", {"email": email, "password": password})


@dataclass
class PlainShop:
    """The storefront over services that know the frozen contract alone."""

    app: Flask
    adapter: WsgiAdapter
    services: dict[str, Flask]

    def visit(self) -> Visit:
        return Visit(self.app.test_client())

    def a_producto(self, nombre: str = "Taza pingüino", precio: float = 129.9, descripcion: str = "") -> int:
        """The id of a new product, added through the service itself."""
        users = self.services["usuarios"].test_client()
        users.post("/registro", json={"nombre": "Dueña", "email": "duena@x", "password": "12345678"})
        token = users.post("/login", json={"email": "duena@x", "password": "12345678"}).get_json()["token"]
        products = self.services["productos"].test_client()
        bearer = {"Authorization": f"Bearer {token}"}
        body = {"nombre": nombre, "precio": precio, "descripcion": descripcion}
        products.post("/productos", json=body, headers=bearer)
        self.fresh()
        return int(products.get("/productos", headers=bearer).get_json()[-1]["id"])

    def fresh(self) -> None:
        """Makes the next page ask the catalogue again."""
        self.app.extensions["pingui.shop"].shelf.forget()

    def orders(self) -> list[tuple[Any, ...]]:
        """Every order there is: (user, product, quantity)."""
        run = self.services["pedidos"].extensions["run"]
        return [tuple(row) for row in run("SELECT usuario_id, producto_id, cantidad FROM pedidos")]


class _Compiled(BytecodeCache):
    """Templates compiled by one test serve the next."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = _Compiled()


def a_storefront(folder: Path, adapter: WsgiAdapter | None = None, **changes: Any) -> Flask:
    app = create_app(settings_for(folder, **changes), adapter)
    app.jinja_env.bytecode_cache = COMPILED
    return app


def settings_for(folder: Path, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "usuarios_url": f"http://127.0.0.1:{USUARIOS}",
        "productos_url": f"http://127.0.0.1:{PRODUCTOS}",
        "pedidos_url": f"http://127.0.0.1:{PEDIDOS}",
        "secret": SECRET,
        "reader_email": READER_EMAIL,
        "reader_password": READER_PASSWORD,
        "database": folder / "storefront.db",
    }
    return Settings(**{**values, **changes})


@pytest.fixture(autouse=True)
def no_page() -> None:
    """A page asked for in this thread by an earlier test leaves its deadline behind."""
    page_deadline.set(None)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[PlainShop]:
    services = {
        name: getattr(apps, name)(tmp_path / f"{name}.db") for name in ("usuarios", "productos", "pedidos")
    }
    adapter = WsgiAdapter(
        {USUARIOS: services["usuarios"], PRODUCTOS: services["productos"], PEDIDOS: services["pedidos"]}
    )
    shop = PlainShop(a_storefront(tmp_path, adapter), adapter, services)
    yield shop
    close_app(shop.app)


@dataclass
class RealShop:
    """The storefront over the real services."""

    app: Flask
    services: Shop

    def visit(self) -> Visit:
        return Visit(self.app.test_client())

    def fresh(self) -> None:
        self.app.extensions["pingui.shop"].shelf.forget()

    def a_producto(self, **fields: Any) -> int:
        number = self.services.a_producto(**fields)
        self.fresh()
        return number

    def member(self) -> Visit:
        """A new shopper, signed in."""
        person = self.services.person()
        return self.visit().sign_in(person.email, person.password)

    def owner(self) -> Visit:
        """The administrator, signed in."""
        admin = self.services.admin
        return self.visit().sign_in(admin.email, admin.password)


@pytest.fixture(scope="session")
def real_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("services")
    shop = Shop(folder, f"sqlite:///{folder / 'database.db'}")
    try:
        shop.start()
        assert shop.admin.id == 1
        yield shop
    finally:
        shop.stop()


@pytest.fixture
def real(real_services: Shop, tmp_path: Path) -> Iterator[RealShop]:
    """Shared services, a storefront of the test's own."""
    urls: dict[str, Any] = {f"{one.name}_url": one.url for one in real_services.services}
    shop = RealShop(a_storefront(tmp_path, **urls), real_services)
    yield shop
    close_app(shop.app)


@pytest.fixture
def visit(plain: PlainShop) -> Callable[[], Visit]:
    return plain.visit
