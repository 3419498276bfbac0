"""Clients who order, at pedidos itself or through the storefront's pages, and write down each call and what they were told."""

import html
import json
import random
import re
import threading
import uuid
from collections.abc import Sequence
from typing import Any, Self

import requests

from tests.faults.history import FINAL, OK, REFUSED, UNKNOWN, Call, History, Intention
from tests.faults.supervisor import FaultyShop
from tests.shop import Person

PATIENCE = 20.0  # seconds that a client waits, far beyond every deadline: whoever answers late is found out
PUBLISHED = frozenset({201, 400, 401, 403, 409, 422, 429, 503})  # what an order may be answered
HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)
OFFER = re.compile(r'name="oferta" value="([^"]*)"')
PURCHASE = re.compile(r"/compras/([0-9a-f-]{36})")
SAME_SITE = {"Sec-Fetch-Site": "same-origin", "Connection": "close"}


def an_intention(person: Person, product: int, cantidad: int = 1, *, keyed: bool = True) -> Intention:
    clave = str(uuid.uuid4()) if keyed else None
    return Intention(person.id, product, cantidad, str(uuid.uuid4()), clave)


class ApiCustomer:
    """Asks pedidos. A call is one request."""

    def __init__(self, shop: FaultyShop, history: History, person: Person) -> None:
        self.shop = shop
        self.history = history
        self.person = person

    def order(self, intention: Intention) -> Call:
        body = {
            "usuario_id": intention.usuario_id,
            "producto_id": intention.producto_id,
            "cantidad": intention.cantidad,
            "compra_id": intention.compra_id,
        }
        headers = {"Idempotency-Key": intention.clave} if intention.clave else {}
        return self._ask(intention, "POST", "/pedidos", 201, json=body, headers=headers)

    def cancel(self, bought: Call) -> Call:
        """Cancel what ``bought`` ordered."""
        wanted = Intention(**{**vars(bought.intention), "pedido": bought.order})
        return self._ask(wanted, "PATCH", f"/pedidos/{bought.order}", 200, json={"estado": "cancelado"})

    def _ask(self, intention: Intention, method: str, path: str, good: int, **options: Any) -> Call:
        call = self.history.begin("pedidos", intention)
        try:
            answer = self.shop.pedidos.request(method, path, self.person.token, timeout=PATIENCE, **options)
        except requests.RequestException as error:
            trouble = "no answer in time" if isinstance(error, requests.Timeout) else ""
            return self.history.end(call, UNKNOWN, trouble=trouble)
        body, trouble = read_json(answer)
        if answer.status_code not in PUBLISHED | {good}:
            trouble = trouble or f"answers {answer.status_code}: {answer.text[:200]}"
        number = answer.headers.get("Location", "").rsplit("/", 1)[-1]
        return self.history.end(
            call,
            OK if answer.status_code == good else REFUSED if answer.status_code in PUBLISHED else UNKNOWN,
            status=answer.status_code,
            codigo=str(body.get("codigo", "")),
            order=int(number) if number.isdigit() else None,
            trouble=trouble,
        )


def read_json(answer: requests.Response) -> tuple[dict[str, Any], str]:
    """A service's answer as JSON, and what is wrong with it: it is JSON always, and says nothing of the program."""
    if answer.headers.get("Content-Type") != "application/json":
        return {}, f"answers {answer.headers.get('Content-Type')}"
    if "Traceback" in answer.text:
        return {}, "answers a trace"
    try:
        body = answer.json()
    except ValueError:
        return {}, "answers broken JSON"
    return (body, "") if isinstance(body, dict) else ({}, "answers no object")


class Shopper:
    """Buys through the storefront's pages, one product at a time, as a browser without scripts does."""

    def __init__(self, shop: FaultyShop, history: History, person: Person) -> None:
        self.shop = shop
        self.history = history
        self.person = person
        self.session = requests.Session()
        self.session.trust_env = False
        self._slowest = 0.0

    def sign_in(self) -> Self:
        answer = self.ask("POST", "/entrar", email=self.person.email, password=self.person.password)
        assert answer.status_code == 303, answer.text
        return self

    def ask(self, method: str, path: str, **fields: Any) -> requests.Response:
        answer = self.session.request(
            method,
            self.shop.storefront.url + path,
            data=fields,
            headers=SAME_SITE,
            allow_redirects=False,
            timeout=PATIENCE,
        )
        self._slowest = max(self._slowest, answer.elapsed.total_seconds())
        return answer

    def ready_to_buy(self, product: int, cantidad: int = 1) -> tuple[Intention, str] | None:
        """What the review page offers: the purchase and its signed form; None where the shop cannot offer it now."""
        try:
            held = self.ask("GET", "/carrito").text
            for other in set(re.findall(r'action="(?:/es|/en)?/carrito/lineas/(\d+)"', held)):
                self.ask("POST", f"/carrito/lineas/{other}", cantidad=0)
            self.ask("POST", "/carrito/lineas", producto=product, cantidad=cantidad)
            page = self.ask("GET", "/pagar/revisar")
            if left := PURCHASE.search(page.headers.get("Location", "")):
                self.ask("POST", f"/compras/{left[1]}/soltar")
                return None
        except requests.RequestException:
            return None
        if not (found := OFFER.search(page.text)):
            return None
        offer = html.unescape(found[1])
        compra_id, usuario_id, lines = json.JSONDecoder().raw_decode(offer)[0]
        if [line[:2] for line in lines] != [[product, cantidad]]:
            return None
        return Intention(usuario_id, product, cantidad, compra_id, f"{compra_id}/{product}"), offer

    def confirm(self, intention: Intention, offer: str) -> Call:
        return self._purchase(intention, "/pagar/confirmar", oferta=offer)

    def try_again(self, intention: Intention) -> Call:
        return self._purchase(intention, f"/compras/{intention.compra_id}/reintentar")

    def _purchase(self, intention: Intention, path: str, **fields: str) -> Call:
        """Send a form, and read the page that it leads to."""
        call, self._slowest = self.history.begin("storefront", intention), 0.0
        try:
            answer = self.ask("POST", path, **fields)
            if answer.status_code == 303 and PURCHASE.search(answer.headers["Location"]):
                answer = self.ask("GET", answer.headers["Location"])
        except requests.RequestException as error:
            trouble = "no answer in time" if isinstance(error, requests.Timeout) else ""
            return self.history.end(call, UNKNOWN, trouble=trouble)
        outcome, told = read_purchase(answer)
        call = self.history.end(call, outcome, status=answer.status_code, **told)
        call.seconds = self._slowest
        return call


def read_purchase(answer: requests.Response) -> tuple[str, dict[str, Any]]:
    """What a page of the storefront says of a purchase."""
    heading = HEADING.search(answer.text)
    title = html.unescape(heading[1]).strip() if heading else ""
    if "Traceback" in answer.text or answer.status_code not in (200, 303, 404, 409, 503):
        return UNKNOWN, {"trouble": f"answers {answer.status_code}: {title}"}
    if title.startswith("¡Gracias!"):
        numbers = re.findall(r"\d+", title)
        return OK, {"order": int(numbers[0]) if numbers else None}
    if title == "No pudimos registrar tu pedido":
        codigo = "sin_stock" if answer.status_code == 200 else ""
        return REFUSED, {"codigo": codigo}
    if answer.status_code in (303, 404, 409):
        return REFUSED, {}  # nothing was sent: the review, the sign-in page, or no such purchase
    return UNKNOWN, {}


class Crowd:
    """While the block runs, each customer wants one thing after another, as chance has it.

    ``again``: how often one asks again with the same key what was not told done; one in ten asks again what was.
    """

    def __init__(
        self,
        customers: Sequence[ApiCustomer | Shopper],
        products: Sequence[int],
        seed: int,
        again: float = 0.5,
    ) -> None:
        self._products = products
        self._again = again
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(customer, random.Random(f"{seed} {number}")))
            for number, customer in enumerate(customers)
        ]
        self.broken: list[BaseException] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self.broken:
            raise self.broken[0]

    def _live(self, customer: ApiCustomer | Shopper, chance: random.Random) -> None:
        try:
            while not self._stop.is_set():
                product, cantidad = chance.choice(self._products), chance.randint(1, 3)
                if isinstance(customer, ApiCustomer):
                    self._order(
                        customer,
                        an_intention(customer.person, product, cantidad, keyed=chance.random() < 0.8),
                        chance,
                    )
                elif prepared := customer.ready_to_buy(product, cantidad):
                    self._shop(customer, *prepared, chance)
                else:
                    self._stop.wait(0.1)
        except BaseException as error:
            self.broken.append(error)

    def _order(self, customer: ApiCustomer, intention: Intention, chance: random.Random) -> None:
        call = customer.order(intention)
        while intention.clave and not self._stop.wait(0.05) and self._asks_again(call, chance):
            call = customer.order(intention)
        if call.outcome == OK and chance.random() < 0.2:
            bought, call = call, customer.cancel(call)
            while not self._stop.wait(0.05) and self._asks_again(call, chance):
                call = customer.cancel(bought)

    def _shop(self, shopper: Shopper, intention: Intention, offer: str, chance: random.Random) -> None:
        call = shopper.confirm(intention, offer)
        while not self._stop.wait(0.05) and self._asks_again(call, chance):
            again = chance.random() < 0.5 and call.status is not None
            call = shopper.try_again(intention) if again else shopper.confirm(intention, offer)

    def _asks_again(self, call: Call, chance: random.Random) -> bool:
        if call.codigo in FINAL:
            return False
        return chance.random() < (0.1 if call.outcome == OK else self._again)
