"""Processes killed, stopped and started between the steps of an order (reliability.md section 1; P7, P8, P9; F2, F4)."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import requests

from services.common.tokens import Tokens
from tests import proxy
from tests.api.sagas import (
    GRACIA,
    SagaShop,
    at_once,
    attempt,
    orders,
    phases,
    poll,
    saga_shop,
    settle,
    stock,
)
from tests.shop import SECRET, Person, Service, a_key

RETRIED, LEFT, ASKED_ANEW = "retried", "left", "asked anew"


@pytest.fixture(scope="module")
def shop(base_url: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SagaShop]:
    folder = tmp_path_factory.mktemp("crashes")
    with saga_shop(folder, base_url(folder)) as shop:
        yield shop


@pytest.fixture(autouse=True)
def audited(shop: SagaShop) -> Iterator[None]:
    """Whatever a test kills, stock and orders agree in the end."""
    shop.proxy.heal()
    yield
    shop.proxy.heal()
    for service in (shop.productos, shop.pedidos):
        if service.process is None or service.process.poll() is not None:
            service.start()
    settle(shop)


def before_delivery(act: Callable[[], None]) -> proxy.Fault:
    """The request is seen and lost."""

    def fault(exchange: proxy.Exchange) -> None:
        act()

    return fault


def after_delivery(act: Callable[[], None]) -> proxy.Fault:
    """The service did its work; its reply is lost."""

    def fault(exchange: proxy.Exchange) -> None:
        exchange.deliver()
        act()

    return fault


POINTS = pytest.mark.parametrize("point", [before_delivery, after_delivery])


def until_placed(shop: SagaShop, person: Person, product: int, key: str) -> None:
    """Ask again with the same key, as a client does that was told 503 or 409 en_curso."""

    def placed() -> bool:
        answer = shop.a_pedido(person, product, 1, key)
        assert answer.status_code in (201, 503) or answer.json()["codigo"] == "en_curso", answer.text
        return answer.status_code == 201

    poll(placed)


def crash_of_three(shop: SagaShop, point: Callable[..., proxy.Fault], victim: Service) -> None:
    """Kill ``victim`` while three orders are at ``point``; one is retried, one left, one asked for anew."""
    person, product = shop.person(), shop.a_producto(stock=10)
    keys = {ending: a_key() for ending in (RETRIED, LEFT, ASKED_ANEW)}
    together, dead = threading.Barrier(3), threading.Event()

    def kill() -> None:
        if together.wait(10) == 0:
            victim.kill()
            dead.set()
        dead.wait(10)

    shop.proxy.once("PUT", *[point(kill)] * 3)
    told = at_once([partial(attempt, shop, person, product, key) for key in keys.values()])
    assert set(told) <= {None, 503}
    assert dead.wait(10)
    victim.start()
    until_placed(shop, person, product, keys[RETRIED])
    until_placed(shop, person, product, a_key())
    settle(shop)
    assert sorted(phases(shop, product)) == ["abortado", "abortado", "confirmado", "confirmado"]
    assert (stock(shop, product), orders(shop, product)) == (8, [1, 1])
    assert attempt(shop, person, product, keys[RETRIED]) == 201
    assert orders(shop, product) == [1, 1]


@POINTS
def test_pedidos_killed(shop: SagaShop, point: Callable[..., proxy.Fault]) -> None:
    crash_of_three(shop, point, shop.pedidos)


@POINTS
def test_productos_killed(shop: SagaShop, point: Callable[..., proxy.Fault]) -> None:
    crash_of_three(shop, point, shop.productos)


def test_both_killed_after_the_hold(shop: SagaShop) -> None:
    person, product = shop.person(), shop.a_producto(stock=5)

    def kill_both() -> None:
        shop.productos.kill()
        shop.pedidos.kill()

    shop.proxy.once("PUT", after_delivery(kill_both))
    assert attempt(shop, person, product, a_key()) is None
    shop.productos.start()
    assert stock(shop, product) == 4
    shop.pedidos.start()
    settle(shop)
    assert (stock(shop, product), phases(shop, product)) == (5, ["abortado"])


def test_killed_after_the_order_stands_the_retry_finds_it(shop: SagaShop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=5), a_key()
    assert attempt(shop, person, product, key) == 201
    shop.pedidos.kill()
    shop.pedidos.start()
    assert shop.a_pedido(person, product, 1, key).headers["Idempotent-Replayed"] == "true"
    assert (stock(shop, product), orders(shop, product)) == (4, [1])


@POINTS
@pytest.mark.parametrize("victim", ["pedidos", "productos"])
def test_killed_while_a_cancellation_returns_the_stock(
    shop: SagaShop, point: Callable[..., proxy.Fault], victim: str
) -> None:
    person, product = shop.person(), shop.a_producto(stock=5)
    path = shop.a_pedido(person, product, 3).headers["Location"]
    service: Service = getattr(shop, victim)
    shop.proxy.once("DELETE", point(service.kill))
    try:
        answer = shop.pedidos.patch(path, person.token, json={"estado": "cancelado"})
        assert answer.status_code == 200
    except requests.ConnectionError:
        assert victim == "pedidos"
    service.start()
    settle(shop)
    assert (stock(shop, product), phases(shop, product)) == (5, ["devuelto"])
    assert shop.pedidos.get(path, person.token).json()["estado"] == "cancelado"


@POINTS
def test_recovery_killed_while_it_undoes(shop: SagaShop, point: Callable[..., proxy.Fault]) -> None:
    person, product = shop.person(), shop.a_producto(stock=5)
    shop.proxy.always("PUT", proxy.reply_lost)
    dead = threading.Event()

    def kill() -> None:
        shop.pedidos.kill()
        dead.set()

    shop.proxy.once("DELETE", point(kill))
    assert attempt(shop, person, product, a_key()) == 503
    assert dead.wait(10)
    assert phases(shop, product) == ["abortando"]
    shop.pedidos.start()
    settle(shop)
    assert (stock(shop, product), phases(shop, product)) == (5, ["abortado"])


def test_a_late_reservation_meets_the_tombstone(shop: SagaShop) -> None:
    person, product = shop.person(), shop.a_producto(stock=5)
    release, met = threading.Event(), []

    def late(exchange: proxy.Exchange) -> None:
        release.wait(proxy.WAIT)
        met.append(exchange.deliver())

    shop.proxy.once("PUT", late)
    assert attempt(shop, person, product, a_key()) == 503
    settle(shop)
    assert phases(shop, product) == ["abortado"]
    release.set()
    reply = poll(lambda: met)[0]
    assert reply.startswith(b"HTTP/1.1 409")
    assert b'"cancelada"' in reply
    assert stock(shop, product) == 5


def test_an_attempt_that_was_undone_meanwhile_does_not_become_an_order(shop: SagaShop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=5), a_key()

    def undo() -> None:
        shop.pedidos.sql(
            "UPDATE pedidos SET fase = 'abortando', plazo = NULL WHERE fase = 'intento' AND clave = :key",
            key=key,
        )

    shop.proxy.once("PUT", proxy.after_delivery(undo))
    assert attempt(shop, person, product, key) == 503
    settle(shop)
    assert (stock(shop, product), phases(shop, product)) == (5, ["abortado"])


def test_a_reply_to_an_earlier_attempt_confirms_nothing(shop: SagaShop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=5), a_key()

    def next_attempt() -> None:
        shop.pedidos.sql(
            "UPDATE pedidos SET intento_n = 2, plazo = NULL, reserva_id = 'e0000000-0000-4000-8000-000000000000'"
            " WHERE fase = 'intento' AND clave = :key",
            key=key,
        )
        # What the recovery of the first attempt did before the second one began.
        path = shop.proxy.seen("PUT")[-1]
        shop.productos.delete(path, Tokens(SECRET).credential())

    shop.proxy.once("PUT", proxy.after_delivery(next_attempt))
    assert attempt(shop, person, product, key) == 503
    settle(shop)
    assert (stock(shop, product), phases(shop, product)) == (5, ["abortado"])


def test_stopped_past_the_grace(shop: SagaShop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=5), a_key()
    shop.proxy.once("PUT", proxy.before_delivery(shop.pedidos.pause))
    threading.Timer(GRACIA * 4, shop.pedidos.resume).start()
    assert attempt(shop, person, product, key) == 503
    settle(shop)
    assert stock(shop, product) in (4, 5)
    until_placed(shop, person, product, key)
    assert (stock(shop, product), orders(shop, product)) == (4, [1])
