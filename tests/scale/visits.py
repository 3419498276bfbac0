"""A shopper before the proxy, or before one storefront of it, whose cookies are the same everywhere."""

import html
import re
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tests.e2e.running import Storefront
from tests.scale.proxies import NAME, Nginx
from tests.shop import Person

FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


class From(HTTPAdapter):
    """Connects from one of this machine's loopback addresses, as if somebody else did."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, source_address=(self._address, 0), **options)


class Shopper:
    """Keeps its cookies and follows no redirect, so that a test sees each answer."""

    def __init__(self, url: str, session: requests.Session, host: str) -> None:
        self.session = session
        self.url = url
        self.headers = {"Host": host, "Sec-Fetch-Site": "same-origin"}
        self.statuses: list[int] = []

    @classmethod
    def at(cls, nginx: Nginx, address: str = "127.0.0.1") -> "Shopper":
        """Somebody before the proxy, who comes from ``address``."""
        session = requests.Session()
        session.trust_env = False
        session.verify = str(nginx.certificate)
        session.mount("https://", From(address))
        return cls(nginx.url, session, NAME)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self._ask("GET", path, **options)

    def post(self, path: str, **fields: Any) -> requests.Response:
        return self._ask("POST", path, data=fields)

    def try_to_sign_in(self, email: str, password: str, **headers: str) -> int:
        """The status of the answer."""
        fields = {"email": email, "password": password}
        return self._ask("POST", "/entrar", data=fields, headers=headers).status_code

    def _ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        answer = self.session.request(
            method, self.url + path, headers=headers, allow_redirects=False, timeout=15, **options
        )
        self.statuses.append(answer.status_code)
        return answer

    def sign_in(self, person: Person) -> "Shopper":
        assert self.post("/entrar", email=person.email, password=person.password).status_code == 303
        return self

    def put_into_cart(self, producto_id: int, cantidad: int = 1) -> None:
        answer = self.post("/carrito/lineas", producto=producto_id, cantidad=cantidad)
        assert answer.status_code == 303, answer.status_code

    def review(self) -> dict[str, str]:
        """The fields of the form that confirms the purchase."""
        answer = self.get("/pagar/revisar")
        assert answer.status_code == 200, answer.status_code
        forms = [part for part in answer.text.split("<form") if "/pagar/confirmar" in part.split(">")[0]]
        return {name: html.unescape(value) for name, value in FIELD.findall(forms[0])}

    def buy(self, producto_id: int) -> requests.Response:
        self.put_into_cart(producto_id)
        return self.post("/pagar/confirmar", **self.review())

    def straight(
        self, storefront: Storefront, method: str, path: str, fields: dict[str, str] | None = None
    ) -> requests.Response:
        """The same shopper, at one storefront without the proxy."""
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.session.cookies)
        return requests.request(
            method,
            storefront.url + path,
            data=fields,
            headers={**self.headers, "Cookie": cookies, "Connection": "close"},
            allow_redirects=False,
            timeout=15,
        )
