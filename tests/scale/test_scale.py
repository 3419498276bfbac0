"""More than one of everything: journeys and races through the proxy, kills and restarts under load, then an audit."""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
from playwright.sync_api import Playwright, expect
from requests import Response

from operations.browser import CHROMIUM, chromium
from tests import postgres, redis_server
from tests.api.sagas import at_once, poll, settle
from tests.operations.load import Buyers, kept
from tests.operations.programs import faults
from tests.scale.proxies import NAME
from tests.scale.shop import WRONG_TRIES, Scaled, kill
from tests.scale.visits import Shopper
from tests.shop import Person, a_key


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scaled]:
    with (
        redis_server.running(tmp_path_factory.mktemp("redis")) as redis,
        postgres.running() as server,
    ):
        shop = Scaled(tmp_path_factory.mktemp("scaled"), server.new_database("scaled"), redis)
        try:
            shop.start()
            yield shop
        finally:
            shop.stop()


@pytest.fixture(scope="module")
def people(scaled: Scaled) -> list[Person]:
    return [scaled.services.person() for _ in range(10)]


def statuses(works: list[partial[Response]]) -> Counter[int]:
    """How the answers of calls made at one instant are spread."""
    return Counter(answer.status_code for answer in at_once(works))


def orders_of(scaled: Scaled, person: Person) -> list[int]:
    return [
        one["producto_id"]
        for one in scaled.services.pedidos.get(f"/pedidos/usuario/{person.id}", person.token).json()
    ]


def stock_of(scaled: Scaled, product: int) -> int:
    answer = scaled.services.productos.get(f"/productos/{product}", scaled.services.admin.token)
    return int(answer.json()["stock"])


def sound(scaled: Scaled) -> bool:
    settle(scaled.services)
    return faults(scaled.services) == []


def test_somebody_buys_through_the_proxy_in_a_browser(scaled: Scaled, playwright: Playwright) -> None:
    product = scaled.services.a_producto(nombre="Bufanda polar", stock=3)
    browser = playwright.chromium.launch(
        executable_path=chromium(playwright),
        args=[*CHROMIUM, f"--host-resolver-rules=MAP {NAME} 127.0.0.1"],
    )
    context = browser.new_context(
        base_url=scaled.nginx.url.replace("127.0.0.1", NAME), ignore_https_errors=True, locale="es-MX"
    )
    context.set_default_timeout(8_000)
    page = context.new_page()
    page.goto(f"/productos/{product}")
    page.get_by_role("button", name="Agregar al carrito").click()
    expect(page.get_by_text("Agregado: Bufanda polar.").first).to_be_visible()
    page.goto("/pagar")
    form = page.get_by_role("region", name="Es mi primera compra")
    form.get_by_label("Nombre").fill("Ana Pérez")
    form.get_by_label("Correo electrónico").fill("ana@ejemplo.com")
    form.get_by_label("Contraseña", exact=True).fill("una contraseña")
    form.get_by_role("button", name="Crear cuenta").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Revisa tu pedido")
    page.get_by_role("button", name="Confirmar pedido por").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("¡Gracias! Recibimos tu pedido")
    cookies = {one["name"]: one for one in context.cookies()}
    browser.close()
    assert cookies["__Host-sesion"]["secure"]
    assert stock_of(scaled, product) == 2


def test_both_of_each_do_their_part(scaled: Scaled, people: list[Person]) -> None:
    """The first requests went to both, and each pair is one shop."""
    shopper = Shopper.at(scaled.nginx).sign_in(people[0])
    shopper.buy(scaled.services.a_producto(stock=5))
    for _ in range(4):
        shopper.get("/pedidos")
    for name, twins in scaled.twins.items():
        for twin in twins:
            assert '"event":"request"' in twin.log.read_text(), name
    for storefront in scaled.storefronts:
        assert '"path":"/pedidos"' in storefront.log.read_text()


def test_the_last_item_has_one_buyer(scaled: Scaled, people: list[Person]) -> None:
    product = scaled.services.a_producto(stock=1)
    answers = statuses([partial(scaled.services.a_pedido, one, product, 1, a_key()) for one in people * 2])
    assert answers == {201: 1, 409: 2 * len(people) - 1}
    assert stock_of(scaled, product) == 0
    assert sound(scaled)


def test_one_key_is_one_order_whoever_of_the_two_is_asked(scaled: Scaled, people: list[Person]) -> None:
    product, key = scaled.services.a_producto(stock=50), a_key()
    answers = statuses([partial(scaled.services.a_pedido, people[0], product, 2, key)] * 16)
    assert set(answers) <= {201, 409}
    assert scaled.services.a_pedido(people[0], product, 2, key).status_code == 201
    assert orders_of(scaled, people[0]).count(product) == 1
    assert stock_of(scaled, product) == 48


def test_a_click_on_both_storefronts_is_one_purchase(scaled: Scaled, people: list[Person]) -> None:
    product = scaled.services.a_producto(stock=9)
    shopper = Shopper.at(scaled.nginx).sign_in(people[1])
    poll(lambda: product in listed(scaled, shopper))
    shopper.put_into_cart(product)
    fields = shopper.review()
    clicks = [
        partial(shopper.straight, one, "POST", "/pagar/confirmar", fields) for one in scaled.storefronts
    ]
    assert statuses(clicks * 3) == {303: 6}
    assert orders_of(scaled, people[1]).count(product) == 1
    assert stock_of(scaled, product) == 8


def listed(scaled: Scaled, shopper: Shopper) -> set[int]:
    """The products that both storefronts show already: a copy may be a second old."""
    pages = [shopper.straight(one, "GET", "/productos?orden=recientes").text for one in scaled.storefronts]
    return set.intersection(
        *({int(number) for number in re.findall(r'id="producto-(\d+)"', page)} for page in pages)
    )


def test_signing_out_at_one_is_signing_out_at_both(scaled: Scaled, people: list[Person]) -> None:
    shopper = Shopper.at(scaled.nginx).sign_in(people[2])
    first, second = scaled.storefronts
    assert [shopper.straight(one, "GET", "/cuenta").status_code for one in (first, second)] == [200, 200]
    assert shopper.straight(first, "POST", "/salir").status_code == 303
    assert [shopper.straight(one, "GET", "/cuenta").status_code for one in (first, second)] == [303, 303]


def test_wrong_tries_are_counted_by_the_visitors_own_address(scaled: Scaled, people: list[Person]) -> None:
    """Through both proxies and whichever storefront and usuarios are asked; and nobody can take another's address."""
    somebody, guesser, owner = (
        people[9],
        Shopper.at(scaled.nginx, "127.0.0.2"),
        Shopper.at(scaled.nginx, "127.0.0.3"),
    )
    for _ in range(WRONG_TRIES):
        assert guesser.try_to_sign_in(somebody.email, "a wrong guess") == 422
    assert guesser.try_to_sign_in(somebody.email, somebody.password) == 429
    forged = {"X-Forwarded-For": "127.0.0.3"}
    assert guesser.try_to_sign_in(somebody.email, somebody.password, **forged) == 429
    assert owner.try_to_sign_in(somebody.email, somebody.password) == 303


class Visitors:
    """People who look at pages and fill carts through the proxy all the while."""

    def __init__(self, scaled: Scaled, people: list[Person], product: int) -> None:
        self.shoppers = [Shopper.at(scaled.nginx).sign_in(person) for person in people]
        self.product = product
        self._stop = threading.Event()

    def _look(self, shopper: Shopper) -> None:
        while not self._stop.is_set():
            for path in ("/", "/pedidos", "/carrito"):
                shopper.get(path)
            shopper.post("/carrito/lineas", producto=self.product, cantidad=1)

    @contextmanager
    def looking(self) -> Iterator[None]:
        with ThreadPoolExecutor(len(self.shoppers)) as pool:
            running = [pool.submit(self._look, shopper) for shopper in self.shoppers]
            try:
                yield
            finally:
                self._stop.set()
        for one in running:
            one.result()

    @property
    def answers(self) -> Counter[int]:
        return Counter(status for shopper in self.shoppers for status in shopper.statuses)


def bought(buyers: Buyers, more: int) -> None:
    before = len(buyers.placed)
    poll(lambda: len(buyers.placed) >= before + more, 30)


def test_a_restart_of_each_in_turn_refuses_nobody(scaled: Scaled, people: list[Person]) -> None:
    product = scaled.services.a_producto(stock=100_000)
    visitors = Visitors(scaled, people[:2], product)
    with visitors.looking(), Buyers(scaled.services, people[3:7], [product]) as buyers:
        bought(buyers, 5)
        for program in scaled.each():
            assert program.stop() == 0
            program.start()
            bought(buyers, 3)
    assert set(buyers.statuses) == {200, 201}
    assert buyers.broken_connections == 0
    assert set(visitors.answers) == {200, 303}
    assert kept(scaled.services, buyers)
    assert sound(scaled)


def test_a_kill_of_each_in_turn_loses_nothing_that_was_acknowledged(
    scaled: Scaled, people: list[Person]
) -> None:
    products = [scaled.services.a_producto(stock=100_000), scaled.services.a_producto(stock=40)]
    visitors = Visitors(scaled, people[:2], products[0])
    with visitors.looking(), Buyers(scaled.services, people[3:7], products) as buyers:
        bought(buyers, 5)
        for program in scaled.each():
            kill(program)
            bought(buyers, 3)
            program.start()
    assert set(buyers.statuses) <= {200, 201, 409, 503}
    assert set(visitors.answers) <= {200, 303, 503}
    assert visitors.answers[503] * 20 <= visitors.answers.total()
    assert kept(scaled.services, buyers)
    assert sound(scaled)
