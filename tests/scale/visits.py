"""A shopper before the proxy, or before one storefront of it, whose cookies are the same everywhere."""

import html
import re
from typing import Any

import requests

from tests.e2e.running import Storefront
from tests.scale.proxies import NAME, Nginx
from tests.shop import Person

FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
HEADERS = {"Host": NAME, "Sec-Fetch-Site": "same-origin"}


class Shopper:
    """Keeps its cookies and follows no redirect, so that a test sees each answer."""

    def __init__(self, nginx: Nginx) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(nginx.certificate)
        self.url = nginx.url
        self.statuses: list[int] = []

    def get(self, path: str, **options: Any) -> requests.Response:
        return self._ask("GET", path, **options)

    def post(self, path: str, **fields: Any) -> requests.Response:
        return self._ask("POST", path, data=fields)

    def _ask(self, method: str, path: str, **options: Any) -> requests.Response:
        answer = self.session.request(
            method, self.url + path, headers=HEADERS, allow_redirects=False, timeout=15, **options
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
            headers={**HEADERS, "Cookie": cookies, "Connection": "close"},
            allow_redirects=False,
            timeout=15,
        )
