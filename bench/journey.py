"""A whole journey through the shop as a browser without JavaScript makes it: an owner and a shopper, over the storefront."""

import io
import re
from html.parser import HTMLParser
from pathlib import PurePosixPath

import requests
from PIL import Image

from bench.load import LoadError

PASSWORD = "una clave larga"  # noqa: S105 - of accounts that exist in measurements only
Files = dict[str, tuple[str, bytes, str]]
ENCODINGS = "gzip, deflate, br"
LINKED_PRODUCT = re.compile(r'href="(/productos/[1-9][^"?#]*)"')
LINKED_ORDER = re.compile(r'href="(/pedidos/[1-9][0-9]*)"')
LINKED_PICTURE = re.compile(r"/imagenes/[0-9a-f]+-[0-9]+\.webp")


class Forms(HTMLParser):
    """The forms of a page: each its address and the values that its fields hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.found.append((given.get("action", ""), {}))
        elif tag == "input" and self.found and given.get("name") and given.get("type") != "file":
            self.found[-1][1].setdefault(given["name"], given.get("value", ""))


class Visitor:
    """Somebody with a browser. A page that is not 200 ends the journey: LoadError."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._session = requests.Session()
        # Kept as they were sent, as a browser does; Python's own cookie jar reads what stands in them.
        self._cookies: dict[str, str] = {}
        self.page = ""

    @property
    def headers(self) -> dict[str, str]:
        """What this visitor's browser sends."""
        held = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return {"Accept-Encoding": ENCODINGS, **({"Cookie": held} if held else {})}

    def see(self, path: str) -> str:
        return self._opened("GET", path)

    def submit(self, action: str, files: Files | None = None, **values: str) -> str:
        """Fill the form of the page in view whose address begins with ``action``, and send it."""
        for address, held in Forms(self.page).found:
            if address.startswith(action):
                return self._opened("POST", address, {**held, **values}, files)
        raise LoadError(f"no form {action} on this page")

    def _opened(
        self, method: str, path: str, values: dict[str, str] | None = None, files: Files | None = None
    ) -> str:
        answer = self._asked(method, path, values, files)
        while answer.is_redirect:
            path = answer.headers["Location"]
            answer = self._asked("GET", path)
        if answer.status_code != 200:
            raise LoadError(f"{method} {path} answered {answer.status_code}")
        self.page = answer.text
        return answer.text

    def _asked(
        self, method: str, path: str, values: dict[str, str] | None = None, files: Files | None = None
    ) -> requests.Response:
        headers = {**self.headers, "Sec-Fetch-Site": "same-origin"}
        answer = self._session.request(
            method,
            self.address + path,
            data=values,
            files=files,
            headers=headers,
            timeout=30,
            allow_redirects=False,
        )
        self._session.cookies.clear()
        for line in answer.raw.headers.getlist("Set-Cookie"):
            pair, _semicolon, attributes = line.partition(";")
            name, _equals, value = pair.partition("=")
            if "Max-Age=0" in attributes:
                self._cookies.pop(name, None)
            else:
                self._cookies[name] = value
        return answer

    def register(self, nombre: str, email: str) -> None:
        self.see("/registro")
        self.submit("/registro", nombre=nombre, email=email, password=PASSWORD)

    def sign_in(self, email: str, password: str) -> None:
        self.see("/entrar")
        self.submit("/entrar", email=email, password=password)

    def add_to_cart(self, path: str) -> None:
        self.see(path)
        self.submit("/carrito/lineas", cantidad="1")


def whole(address: str) -> None:
    """Registering, searching, buying and cancelling, and all that the owner does meanwhile."""
    owner, shopper = Visitor(address), Visitor(address)
    owner.register("Ana", "ana@bench.test")
    for path in ("/", "/productos?q=taza", "/productos?orden=precio-asc&disponibles=1", "/en/productos"):
        shopper.see(path)
    catalogue = shopper.see("/productos")
    for picture in LINKED_PICTURE.findall(catalogue)[:6]:
        shopper.see(picture)
    shopper.register("Luz", "luz@bench.test")
    for path in list(dict.fromkeys(LINKED_PRODUCT.findall(catalogue)))[:3]:
        shopper.add_to_cart(path)
    shopper.see("/carrito")
    shopper.submit("/carrito/lineas/", cantidad="2")
    shopper.see("/pagar/revisar")
    shopper.submit("/pagar/confirmar")
    order = LINKED_ORDER.findall(shopper.see("/pedidos"))[0]
    shopper.see(order)
    manage(owner, order)
    shopper.see(order)


def manage(owner: Visitor, order: str) -> None:
    """A product with a picture, the board, an order moved on, and the pages that tell how the shop is."""
    photo = io.BytesIO()
    Image.new("RGB", (1600, 1200), "#f99b2d").save(photo, "JPEG")
    owner.see("/admin/productos/nuevo")
    owner.submit(
        "/admin/productos/nuevo",
        {"imagen": ("foto.jpg", photo.getvalue(), "image/jpeg")},
        nombre="Lámpara de témpano",
        precio="1,299.90",
        stock="4",
    )
    for path in ("/admin/productos", "/admin/pedidos", "/admin/operaciones", "/estado", "/ayuda"):
        owner.see(path)
    number = PurePosixPath(order).name
    owner.see(f"/admin/pedidos/{number}")
    owner.submit(f"/admin/pedidos/{number}/estado")
