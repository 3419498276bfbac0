"""One order for each intention and stock held for each order, under keys, races and cancellations (P1 to P6, O7, O8)."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import proxy
from tests.api.sagas import (
    SagaShop,
    at_once,
    audit,
    edit,
    orders,
    phases,
    poll,
    saga_shop,
    settle,
    statuses,
    stock,
)
from tests.shop import a_key

PLACED = b'{"mensaje":"Pedido creado correctamente"}'


@pytest.fixture(scope="module")
def shop(base_url: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SagaShop]:
    folder = tmp_path_factory.mktemp("saga")
    with saga_shop(folder, base_url(folder)) as shop:
        yield shop


@pytest.fixture(autouse=True)
def audited(shop: SagaShop) -> Iterator[None]:
    """Whatever a test does, stock and orders agree in the end."""
    shop.proxy.heal()
    yield
    shop.proxy.heal()
    settle(shop)


def test_an_order_takes_stock_and_the_price_of_that_moment(shop: SagaShop) -> None:
    person, product = shop.person(), shop.a_producto(nombre="Taza", precio=129.95, stock=5)
    answer = shop.a_pedido(person, product, 3)
    assert (answer.status_code, answer.content) == (201, PLACED)
    edit(shop, product, precio=1, nombre="Otra")
    order = shop.pedidos.get(answer.headers["Location"], person.token).json()
    assert stock(shop, product) == 2
    assert (order["nombre"], order["precio_unitario"], order["total"], order["moneda"]) == (
        "Taza",
        129.95,
        389.85,
        "MXN",
    )


def test_the_same_key_is_one_order_and_its_repetition_says_so(shop: SagaShop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=5), a_key()
    first, second = (shop.a_pedido(person, product, 2, key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.content == PLACED
    assert second.headers["Location"] == first.headers["Location"]
    assert (stock(shop, product), orders(shop, product)) == (3, [2])


def test_without_a_key_each_request_is_its_own_intention(shop: SagaShop) -> None:
    person, product = shop.person(), shop.a_producto(stock=5)
    assert [shop.a_pedido(person, product).status_code for _ in range(2)] == [201, 201]
    assert (stock(shop, product), orders(shop, product)) == (3, [1, 1])


@pytest.mark.parametrize("change", [{"cantidad": 2}, {"compra_id": "0d0c0b0a-0000-4000-8000-000000000001"}])
def test_a_key_stands_for_one_body(shop: SagaShop, change: dict[str, object]) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=5), a_key()
    assert shop.a_pedido(person, product, 1, key).status_code == 201
    body = {"producto_id": product, "cantidad": 1, **change}
    answer = shop.pedidos.post("/pedidos", person.token, json=body, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["codigo"]) == (422, "clave_reutilizada")
    assert orders(shop, product) == [1]


def test_the_key_of_another_person_is_another_key(shop: SagaShop) -> None:
    product, key = shop.a_producto(stock=5), a_key()
    answers = [shop.a_pedido(shop.person(), product, 1, key) for _ in range(2)]
    assert statuses(answers) == {201: 2}
    assert orders(shop, product) == [1, 1]


def test_fifty_requests_with_one_key_place_one_order(shop: SagaShop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=100), a_key()
    answers = at_once([lambda: shop.a_pedido(person, product, 2, key)] * 50)
    assert set(statuses(answers)) <= {201, 409}
    assert {answer.json()["codigo"] for answer in answers if answer.status_code == 409} <= {"en_curso"}
    assert {answer.headers["Retry-After"] for answer in answers if answer.status_code == 409} <= {"1"}
    assert (
        sum(answer.status_code == 201 and "Idempotent-Replayed" not in answer.headers for answer in answers)
        == 1
    )
    assert shop.a_pedido(person, product, 2, key).headers["Idempotent-Replayed"] == "true"
    assert (stock(shop, product), orders(shop, product)) == (98, [2])


def test_the_same_key_still_running_is_told_at_once(shop: SagaShop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=5), a_key()
    seen, release = threading.Event(), threading.Event()
    second = []

    def stall() -> None:
        seen.set()
        release.wait(1.5)

    def repeat() -> None:
        seen.wait(10)
        started = time.monotonic()
        second.append((shop.a_pedido(person, product, 1, key), time.monotonic() - started))
        release.set()

    shop.proxy.once("PUT", proxy.before_delivery(stall))
    first, _ = at_once([lambda: shop.a_pedido(person, product, 1, key), repeat])
    answer, seconds = second[0]
    assert (answer.status_code, answer.json()["codigo"], answer.headers["Retry-After"]) == (
        409,
        "en_curso",
        "1",
    )
    assert seconds < 0.5
    assert first.status_code == 201
    assert shop.a_pedido(person, product, 1, key).status_code == 201
    assert orders(shop, product) == [1]


def test_lack_of_stock_is_remembered_under_the_key(shop: SagaShop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=1), a_key()
    first = shop.a_pedido(person, product, 2, key)
    assert (first.status_code, first.json()["codigo"]) == (409, "sin_stock")
    edit(shop, product, stock=10)
    again = shop.a_pedido(person, product, 2, key)
    assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (
        409,
        first.json(),
        "true",
    )
    assert shop.a_pedido(person, product, 2, a_key()).status_code == 201
    assert orders(shop, product) == [2]


def test_a_hundred_buyers_of_five(shop: SagaShop) -> None:
    product, people = shop.a_producto(stock=5), [shop.person() for _ in range(4)]
    answers = at_once([partial(shop.a_pedido, people[n % 4], product) for n in range(100)])
    assert statuses(answers) == {201: 5, 409: 95}
    assert {answer.json()["codigo"] for answer in answers if answer.status_code == 409} == {"sin_stock"}
    assert (stock(shop, product), orders(shop, product)) == (0, [1] * 5)


def test_three_and_three_of_five(shop: SagaShop) -> None:
    person = shop.person()
    for _ in range(5):
        product = shop.a_producto(stock=5)
        answers = at_once([partial(shop.a_pedido, person, product, 3)] * 2)
        assert statuses(answers) == {201: 1, 409: 1}
        assert stock(shop, product) == 2


def test_twenty_cancellations_return_the_stock_once(shop: SagaShop) -> None:
    person, product = shop.person(), shop.a_producto(stock=5)
    path = shop.a_pedido(person, product, 3).headers["Location"]
    cancel = {"estado": "cancelado"}
    answers = at_once([lambda: shop.pedidos.patch(path, person.token, json=cancel)] * 20)
    assert statuses(answers) == {200: 20}
    assert {answer.json()["estado"] for answer in answers} == {"cancelado"}
    settle(shop)
    assert (stock(shop, product), phases(shop, product)) == (5, ["devuelto"])


def test_cancelling_and_sending_at_once_is_one_of_both(shop: SagaShop) -> None:
    person, product = shop.person(), shop.a_producto(stock=100)
    for _ in range(5):
        path = shop.a_pedido(person, product).headers["Location"]
        cancelled, sent = at_once(
            [
                partial(shop.pedidos.patch, path, person.token, json={"estado": "cancelado"}),
                partial(shop.pedidos.patch, path, shop.admin.token, json={"estado": "enviado"}),
            ]
        )
        final = shop.pedidos.get(path, person.token).json()["estado"]
        assert sorted((cancelled.status_code, sent.status_code)) in ([200, 409], [200, 403])
        assert final == ("cancelado" if cancelled.status_code == 200 else "enviado")


def test_a_lost_cancellation_is_repeated_until_acknowledged(shop: SagaShop) -> None:
    person, product = shop.person(), shop.a_producto(stock=5)
    path = shop.a_pedido(person, product, 3).headers["Location"]
    shop.proxy.always("DELETE", proxy.dropped)
    answer = shop.pedidos.patch(path, person.token, json={"estado": "cancelado"})
    assert (answer.status_code, answer.json()["estado"]) == (200, "cancelado")
    assert (stock(shop, product), phases(shop, product)) == (2, ["devolviendo"])
    shop.proxy.heal()
    settle(shop)
    assert (stock(shop, product), phases(shop, product)) == (5, ["devuelto"])


def test_messages_that_arrive_twice_count_once(shop: SagaShop) -> None:
    shop.proxy.always("PUT", proxy.doubled)
    shop.proxy.always("DELETE", proxy.doubled)
    person, product = shop.person(), shop.a_producto(stock=5)
    path = shop.a_pedido(person, product, 2).headers["Location"]
    assert shop.a_pedido(person, product, 1).status_code == 201
    assert shop.a_pedido(person, product, 3).status_code == 409
    assert shop.pedidos.patch(path, person.token, json={"estado": "cancelado"}).status_code == 200
    assert (stock(shop, product), orders(shop, product)) == (4, [2, 1])


def test_what_cannot_be_ordered_is_told_at_once_and_leaves_a_tombstone(shop: SagaShop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=5), a_key()
    edit(shop, product, activo=False)
    answer = shop.a_pedido(person, product, 1, key)
    assert (answer.status_code, answer.json()["codigo"]) == (422, "producto_retirado")
    settle(shop)
    assert phases(shop, product) == ["abortado"]
    reserva = shop.pedidos.sql("SELECT reserva_id FROM pedidos WHERE producto_id = :id", id=product)[0][0]
    assert shop.productos.sql("SELECT estado FROM reservas WHERE id = :id", id=reserva)[0][0] == "cancelada"
    edit(shop, product, activo=True)
    assert shop.a_pedido(person, product, 1, key).status_code == 201
    assert (stock(shop, product), orders(shop, product)) == (4, [1])


def test_an_unknown_product(shop: SagaShop) -> None:
    answer = shop.a_pedido(shop.person(), 123456)
    assert (answer.status_code, answer.json()["codigo"]) == (422, "producto_desconocido")


def test_while_an_attempt_is_being_undone_its_key_waits(shop: SagaShop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=5), a_key()
    shop.proxy.always("PUT", proxy.reply_lost)
    shop.proxy.always("DELETE", proxy.dropped)
    assert shop.a_pedido(person, product, 1, key).status_code == 503
    poll(lambda: phases(shop, product) == ["abortando"])
    answer = shop.a_pedido(person, product, 1, key)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    shop.proxy.heal()
    settle(shop)
    assert (stock(shop, product), phases(shop, product)) == (5, ["abortado"])
    first = shop.pedidos.sql("SELECT reserva_id FROM pedidos WHERE producto_id = :id", id=product)[0][0]
    answer = shop.a_pedido(person, product, 1, key)
    assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (201, False)
    row = shop.pedidos.sql("SELECT reserva_id, intento_n FROM pedidos WHERE producto_id = :id", id=product)[0]
    assert row.reserva_id != first
    assert row.intento_n == 2
    assert stock(shop, product) == 4


def test_many_ask_again_for_an_order_that_was_undone(shop: SagaShop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=10), a_key()
    shop.proxy.always("PUT", proxy.reply_lost)
    assert shop.a_pedido(person, product, 1, key).status_code == 503
    shop.proxy.heal()
    settle(shop)
    assert phases(shop, product) == ["abortado"]
    answers = at_once([partial(shop.a_pedido, person, product, 1, key)] * 20)
    assert set(statuses(answers)) <= {201, 409}
    assert (
        sum(answer.status_code == 201 and "Idempotent-Replayed" not in answer.headers for answer in answers)
        == 1
    )
    rows = shop.pedidos.sql("SELECT fase, intento_n FROM pedidos WHERE producto_id = :id", id=product)
    assert [tuple(row) for row in rows] == [("confirmado", 2)]
    assert stock(shop, product) == 9


def test_keys_of_orders_are_kept_for_ever_those_of_refusals_for_a_month(shop: SagaShop) -> None:
    person, product = shop.person(), shop.a_producto(stock=1)
    placed, old, recent = a_key(), a_key(), a_key()
    assert shop.a_pedido(person, product, 1, placed).status_code == 201
    assert [shop.a_pedido(person, product, 1, key).status_code for key in (old, recent)] == [409, 409]
    day = 24 * 3600 * 1000
    for key, days in ((placed, 400), (old, 31), (recent, 29)):
        shop.pedidos.sql(
            "UPDATE pedidos SET creado_en = creado_en - :age WHERE clave = :key", age=days * day, key=key
        )
    shop.pedidos.stop()
    shop.pedidos.start()
    known = "SELECT clave FROM pedidos WHERE producto_id = :id ORDER BY id"
    poll(lambda: [row.clave for row in shop.pedidos.sql(known, id=product)] == [placed, recent])
    assert shop.a_pedido(person, product, 1, placed).headers["Idempotent-Replayed"] == "true"
    assert shop.a_pedido(person, product, 1, recent).headers["Idempotent-Replayed"] == "true"
    audit(shop)


def test_alone_it_takes_any_product_as_the_original_did(new_shop: Callable[..., SagaShop]) -> None:
    shop = new_shop(running=False, PRODUCTOS_URL="")
    shop.usuarios.start()
    shop.pedidos.start()
    person, key = shop.person(), a_key()
    answers = [shop.a_pedido(person, 123456, 2, key) for _ in range(2)]
    assert statuses(answers) == {201: 2}
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    order = shop.pedidos.get(answers[0].headers["Location"], person.token).json()
    assert (order["precio_unitario"], order["nombre"], order["total"]) == (None, None, None)
    cancelled = shop.pedidos.patch(f"/pedidos/{order['id']}", person.token, json={"estado": "cancelado"})
    assert cancelled.json()["estado"] == "cancelado"
