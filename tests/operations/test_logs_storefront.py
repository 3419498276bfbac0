"""A purchase in the storefront: one trace through three programs, nothing of the shopper in any of four logs (P47, P48)."""

import html
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.sagas import poll
from tests.e2e.running import Running

FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    try:
        running.start()
        yield running
    finally:
        running.stop()


class Shopper:
    """A browser that keeps its cookies. ``trace`` goes along with every request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.trace = ""

    def get(self, path: str, **headers: str) -> requests.Response:
        return self._ask("GET", path, headers=headers)

    def post(self, path: str, **fields: Any) -> requests.Response:
        return self._ask("POST", path, data=fields, headers={"Sec-Fetch-Site": "same-origin"})

    def _ask(self, method: str, path: str, headers: dict[str, str], **options: Any) -> requests.Response:
        self.trace = secrets.token_hex(16)
        headers = {"traceparent": f"00-{self.trace}-{secrets.token_hex(8)}-01", **headers}
        return self.session.request(
            method, self.url + path, headers=headers, allow_redirects=False, timeout=10, **options
        )


def test_a_purchase_is_traced_and_its_buyer_is_not(running: Running) -> None:
    shop, word = running.services, f"canario{secrets.token_hex(6)}"
    product = shop.a_producto(nombre="Taza", stock=3)
    email, password, name = f"{word}@pingui.test", f"secreto {word}", f"Ana {word}"
    shopper = Shopper(running.url)
    assert shopper.post("/registro", nombre=name, email=email, password=password).status_code == 303
    shopper.get(f"/productos?q={word}", **{"User-Agent": word, "Referer": f"http://{word}/"})
    shopper.post("/carrito/lineas", producto=product, cantidad=1)
    page = shopper.get("/pagar/revisar").text
    form = next(part for part in page.split("<form") if "/pagar/confirmar" in part.split(">")[0])
    fields = {field: html.unescape(value) for field, value in FIELD.findall(form)}
    assert shopper.post("/pagar/confirmar", **fields).status_code == 303
    trace, cookies = shopper.trace, dict(shopper.session.cookies)
    Shopper(running.url).post("/entrar", email=email, password=f"wrong {word}")
    shopper.post("/salir")
    assert len(running.orders_of(2)) == 1

    logs = {
        "storefront": running.storefront.log,
        **{service.name: service.log for service in shop.services},
    }
    poll(lambda: all(trace in logs[name].read_text() for name in ("storefront", "pedidos", "productos")))
    assert "POST /pagar/confirmar" in said(logs["storefront"], trace)
    assert "POST /pedidos" in said(logs["pedidos"], trace)
    assert any(line.startswith("PUT /reservas/") for line in said(logs["productos"], trace))
    for program, log in logs.items():
        text = log.read_text()
        for canary in (word, *cookies.values()):
            assert canary.lower() not in text.lower(), program


def said(log: Path, trace: str) -> list[str]:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [f"{line['method']} {line['path']}" for line in lines if line.get("trace") == trace]
