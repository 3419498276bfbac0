"""What pedidos answers while productos is slow, silent, gone or talks nonsense (P10 to P13, P16; F5 to F8, F11)."""

import itertools
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from tests import proxy
from tests.api.sagas import (
    SagaShop,
    at_once,
    edit,
    orders,
    phases,
    poll,
    saga_shop,
    settle,
    statuses,
    stock,
)
from tests.shop import Person, a_key

PROMPT = (
    1.0  # seconds: 0.3 on a machine that does nothing else, 2 and more where one has to wait for productos
)
DEADLINE = 3.5  # seconds: an order takes 3, and half a second is the tests' own


@pytest.fixture(scope="module")
def shop(base_url: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SagaShop]:
    folder = tmp_path_factory.mktemp("faults")
    with saga_shop(folder, base_url(folder)) as shop:
        yield shop


@pytest.fixture(scope="module")
def person(shop: SagaShop) -> Person:
    return shop.person()


@pytest.fixture(scope="module")
def plenty(shop: SagaShop) -> int:
    """A product that is never sold out."""
    return shop.a_producto()


@pytest.fixture(autouse=True)
def audited(shop: SagaShop, person: Person, plenty: int) -> Iterator[None]:
    """Whatever a test breaks, orders are taken again soon, and stock and orders agree in the end."""
    yield
    shop.proxy.heal()
    shop.productos.resume()
    poll(lambda: shop.a_pedido(person, plenty).status_code == 201)
    settle(shop)
    shop.proxy.heal()


def timed(work: Callable[[], requests.Response]) -> tuple[requests.Response, float]:
    started = time.monotonic()
    return work(), time.monotonic() - started


def not_placed(answer: requests.Response) -> None:
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()) == {"error"}


def test_a_reply_lost_once_is_asked_for_again(shop: SagaShop, person: Person) -> None:
    product = shop.a_producto(stock=5)
    shop.proxy.once("PUT", proxy.reply_lost)
    assert shop.a_pedido(person, product, 2).status_code == 201
    first, second = shop.proxy.seen("PUT")
    assert first == second
    assert (stock(shop, product), orders(shop, product)) == (3, [2])


def test_after_503_the_same_key_finishes_the_order_at_once(shop: SagaShop, person: Person) -> None:
    product, key = shop.a_producto(stock=5), a_key()
    shop.proxy.always("PUT", proxy.reply_lost)
    not_placed(shop.a_pedido(person, product, 2, key))
    assert stock(shop, product) == 3
    shop.proxy.heal()
    answer = shop.a_pedido(person, product, 2, key)
    assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (201, False)
    assert (stock(shop, product), orders(shop, product)) == (3, [2])


def test_after_503_without_another_word_nothing_is_left(shop: SagaShop, person: Person) -> None:
    product = shop.a_producto(stock=5)
    shop.proxy.always("PUT", proxy.reply_lost)
    not_placed(shop.a_pedido(person, product, 2))
    shop.proxy.heal()
    settle(shop)
    assert (stock(shop, product), phases(shop, product)) == (5, ["abortado"])


@pytest.mark.parametrize("fault", [proxy.dripping, proxy.silent])
def test_a_slow_reply_holds_nobody_longer_than_the_deadline(
    shop: SagaShop, person: Person, fault: proxy.Fault
) -> None:
    product, key = shop.a_producto(stock=5), a_key()
    shop.proxy.once("PUT", fault)
    answer, seconds = timed(partial(shop.a_pedido, person, product, 1, key))
    not_placed(answer)
    assert seconds < DEADLINE
    poll(lambda: shop.a_pedido(person, product, 1, key).status_code == 201)


def test_a_caller_that_waits_less_is_told_sooner(shop: SagaShop, person: Person) -> None:
    product = shop.a_producto(stock=5)
    shop.proxy.once("PUT", proxy.silent)
    body = {"producto_id": product, "cantidad": 1}
    order = partial(shop.pedidos.post, "/pedidos", person.token, json=body, headers={"X-Plazo-Ms": "500"})
    answer, seconds = timed(order)
    not_placed(answer)
    assert 0.4 < seconds < 1


def test_an_order_that_takes_long_is_not_undone_under_way(
    base_url: Callable[[Path], str], tmp_path: Path
) -> None:
    """Many sweeps pass while it waits for productos, each of them past the grace."""
    with saga_shop(tmp_path, base_url(tmp_path), PEDIDOS_GRACIA="0.2") as shop:
        product = shop.a_producto(stock=5)
        release = threading.Event()
        shop.proxy.once("PUT", proxy.before_delivery(lambda: release.wait(1.5)))
        assert shop.a_pedido(shop.person(), product).status_code == 201
        assert (stock(shop, product), phases(shop, product)) == (4, ["confirmado"])


def reply(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    head.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


TAKEN: dict[str, Any] = {"estado": "tomada", "nombre": "Taza", "precio": 1.5, "moneda": "MXN"}


def taken(**changes: Any) -> bytes:
    """A reservation's answer, but of another reservation; the tests change members beside that."""
    body = {"id": "00000000-0000-4000-8000-000000000000", "producto_id": 1, "cantidad": 1, **TAKEN, **changes}
    return json.dumps(body).encode()


def own(change: Callable[[dict[str, Any]], object]) -> proxy.Fault:
    """The real reply with something changed in it."""

    def fault(exchange: proxy.Exchange) -> None:
        body = json.loads(exchange.deliver().partition(b"\r\n\r\n")[2])
        change(body)
        exchange.answer(reply(json.dumps(body).encode()))

    return fault


NONSENSE = {
    "HTML": proxy.falsified(reply(b"<h1>200</h1>")),
    "no HTTP": proxy.falsified(b"SSH-2.0-OpenSSH\r\n"),
    "null": proxy.falsified(reply(b"null")),
    "a list": proxy.falsified(reply(b"[]")),
    "cut off JSON": proxy.falsified(reply(taken()[:-9])),
    "NaN": proxy.falsified(reply(taken().replace(b"1.5", b"NaN"))),
    "another reservation": proxy.falsified(reply(taken())),
    "another product": own(lambda body: body.update(producto_id=body["producto_id"] + 1)),
    "another quantity": own(lambda body: body.update(cantidad=body["cantidad"] + 1)),
    "not held": own(lambda body: body.update(estado="cancelada")),
    "no price": own(lambda body: body.pop("precio")),
    "a price of nothing": own(lambda body: body.update(precio=0)),
    "a third of a cent": own(lambda body: body.update(precio=1.003)),
    "a price in words": own(lambda body: body.update(precio="1.5")),
    "a name that is a number": own(lambda body: body.update(nombre=5)),
    "an unknown refusal": proxy.falsified(reply(b'{"error":"x","codigo":"otra"}', "409 Conflict")),
    "a refusal in HTML": proxy.falsified(reply(b"<h1>409</h1>", "409 Conflict")),
    "no such path": proxy.falsified(reply(b'{"error":"No encontrado"}', "404 Not Found")),
    "not accepted": proxy.falsified(reply(b'{"error":"Token"}', "401 Unauthorized")),
    "an error": proxy.falsified(reply(b'{"error":"x"}', "500 Internal Server Error")),
    "busy": proxy.falsified(reply(b'{"error":"x"}', "503 Service Unavailable", "Retry-After: 1")),
    "5 MB": proxy.falsified(reply(b" " * 5_000_000)),
    "shorter than said": proxy.falsified(reply(taken(), length=10_000)),
    "packed": proxy.falsified(reply(b"\x1f\x8b\x08" + b"\0" * 100, "200 OK", "Content-Encoding: gzip")),
    "endless 100 Continue": proxy.falsified(b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000),
}


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_places_nothing(shop: SagaShop, person: Person, nonsense: str) -> None:
    product, key = shop.a_producto(stock=5), a_key()
    shop.proxy.always("PUT", NONSENSE[nonsense])
    answer, seconds = timed(partial(shop.a_pedido, person, product, 2, key))
    not_placed(answer)
    assert seconds < DEADLINE
    shop.proxy.heal()
    assert orders(shop, product) == []
    # What took longer than the grace may be on its way out: until it is, 503.
    poll(lambda: shop.a_pedido(person, product, 2, key).status_code == 201)
    assert (stock(shop, product), orders(shop, product)) == (3, [2])


def test_a_redirect_is_not_followed(shop: SagaShop, person: Person) -> None:
    product = shop.a_producto(stock=5)
    with closing(socket.create_server(("127.0.0.1", 0))) as trap:
        trap.settimeout(0.5)
        address = f"Location: http://127.0.0.1:{trap.getsockname()[1]}/latest/meta-data"
        shop.proxy.always("PUT", proxy.falsified(reply(b"", "302 Found", address)))
        not_placed(shop.a_pedido(person, product))
        with pytest.raises(TimeoutError):
            trap.accept()


def test_two_replies_to_one_request_never_answer_the_next(shop: SagaShop, person: Person) -> None:
    product = shop.a_producto(stock=1)

    def twice(exchange: proxy.Exchange) -> None:
        answer = exchange.deliver()
        exchange.answer(answer + answer)

    shop.proxy.once("PUT", twice)
    assert shop.a_pedido(person, product, 2).json()["codigo"] == "sin_stock"
    other = shop.a_producto(stock=1)
    assert shop.a_pedido(person, other).status_code == 201


def test_a_kept_connection_that_was_closed_is_no_failure(shop: SagaShop, person: Person) -> None:
    product = shop.a_producto(stock=20)
    for _ in range(8):
        assert shop.a_pedido(person, product).status_code == 201
        shop.proxy.hang_up()
    assert stock(shop, product) == 12


def test_while_productos_hangs_nobody_waits_for_long(shop: SagaShop, person: Person) -> None:
    product = shop.a_producto(stock=50)
    path = shop.a_pedido(person, product).headers["Location"]
    shop.productos.pause()
    ends = time.monotonic() + 4.5

    def repeated(work: Callable[[], requests.Response]) -> list[tuple[requests.Response, float]]:
        told = []
        while time.monotonic() < ends:
            told.append(timed(work))
        return told

    ordering, reading = (
        partial(repeated, partial(shop.a_pedido, person, product)),
        partial(repeated, partial(shop.pedidos.get, path, person.token)),
    )
    try:
        *ordered, read = at_once([ordering] * 20 + [reading])
    finally:
        shop.productos.resume()
    told = [one for each in ordered for one in each]
    assert set(statuses([answer for answer, _ in told])) == {503}
    assert set(statuses([answer for answer, _ in read])) == {200}
    assert max(seconds for _, seconds in told) < DEADLINE
    assert late(told) < PROMPT, "the breaker opens"
    assert late(read) < PROMPT, "threads remain for what does not need productos"


def late(told: list[tuple[requests.Response, float]]) -> float:
    """The time within which 95 of 100 were answered."""
    seconds = sorted(seconds for _, seconds in told)
    return seconds[int(len(seconds) * 0.95)]


def test_a_sick_service_is_left_alone_and_noticed_when_it_is_well(shop: SagaShop, person: Person) -> None:
    product = shop.a_producto(stock=5)
    shop.proxy.always("PUT", NONSENSE["busy"])
    answers = [timed(partial(shop.a_pedido, person, product)) for _ in range(40)]
    for answer, _ in answers:
        not_placed(answer)
    assert len(shop.proxy.seen("PUT")) <= 2 * 5 + 4, "neither second tries nor callers double its load"
    assert answers[-1][1] < 0.2
    assert len(phases(shop, product)) <= 10, "nor is an intent stored for what will not be asked"
    shop.proxy.heal()
    poll(lambda: shop.a_pedido(person, product).status_code == 201, 7)


def test_second_tries_are_few(shop: SagaShop, person: Person) -> None:
    product, seen = shop.a_producto(), itertools.count()

    def every_other(exchange: proxy.Exchange) -> None:
        (proxy.passing if next(seen) % 2 else NONSENSE["busy"])(exchange)

    shop.proxy.always("PUT", every_other)
    answers = [shop.a_pedido(person, product) for _ in range(40)]
    assert set(statuses(answers)) == {201, 503}
    assert len(shop.proxy.seen("PUT")) <= 40 * 1.1 + 10


@contextmanager
def locked(shop: SagaShop) -> Iterator[None]:
    """Another program writes to the orders' database and does not end."""
    if shop.backend == "sqlite":
        with closing(
            sqlite3.connect(shop.folder / "pedido.db", isolation_level=None, check_same_thread=False)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(shop.pedidos.database, options="-c search_path=pedidos") as other_session:
            other_session.execute("LOCK TABLE pedidos IN EXCLUSIVE MODE")
            yield


def test_a_database_busy_for_a_second_only_delays(shop: SagaShop, person: Person) -> None:
    product = shop.a_producto(stock=5)
    release = threading.Event()

    def hold() -> None:
        with locked(shop):
            begun.set()
            release.wait(1)

    begun = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait(10)
    answer, seconds = timed(partial(shop.a_pedido, person, product))
    holder.join()
    assert answer.status_code == 201
    assert seconds > 0.5


def test_a_database_busy_for_long_is_told_within_the_deadline(shop: SagaShop, person: Person) -> None:
    product, key = shop.a_producto(stock=5), a_key()
    with locked(shop):
        answer, seconds = timed(partial(shop.a_pedido, person, product, 1, key))
        not_placed(answer)
        assert seconds < DEADLINE
        assert shop.pedidos.get(f"/pedidos/usuario/{person.id}", person.token).status_code == 200
        assert shop.pedidos.get("/ready").status_code == 200
    answer, seconds = timed(partial(shop.a_pedido, person, product, 1, key))
    assert (answer.status_code, seconds < 1) == (201, True)


def test_a_database_busy_between_hold_and_order(shop: SagaShop, person: Person) -> None:
    product, key = shop.a_producto(stock=5), a_key()
    lock = locked(shop)
    shop.proxy.once("PUT", proxy.after_delivery(lock.__enter__))
    try:
        answer, seconds = timed(partial(shop.a_pedido, person, product, 1, key))
    finally:
        lock.__exit__(None, None, None)
    not_placed(answer)
    assert seconds < DEADLINE
    settle(shop)
    edit(shop, product, nombre="Otra")
    assert (stock(shop, product), phases(shop, product)) == (5, ["abortado"])
    assert shop.a_pedido(person, product, 1, key).status_code == 201
