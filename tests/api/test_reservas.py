"""Reservations: what pedidos holds stock with, exactly once in any order of delivery (reliability.md section 1)."""

import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import requests

from services.common.tokens import CREDENTIAL_SECONDS, LEEWAY
from tests.api import wire
from tests.api.catalogues import ADMIN, CLIENT, TOKENS, add, edit, read, unbalanced, version
from tests.api.processes import at_once
from tests.shop import Shop


def an_id() -> str:
    return str(uuid.uuid4())


def take(shop: Shop, reserva: str, product: Any, cantidad: Any = 1) -> requests.Response:
    body = {"producto_id": product, "cantidad": cantidad}
    return shop.productos.put(f"/reservas/{reserva}", TOKENS.credential(), json=body)


def cancel(shop: Shop, reserva: str) -> requests.Response:
    return shop.productos.delete(f"/reservas/{reserva}", TOKENS.credential())


def told(answer: requests.Response) -> tuple[int, str]:
    """The status with what tells equal statuses apart."""
    body = answer.json()
    return answer.status_code, body.get("codigo") or body.get("estado")


TAKEN, CANCELLED = (200, "tomada"), (200, "cancelada")
NO_STOCK, TOMBSTONE = (409, "sin_stock"), (409, "cancelada")


def test_a_reservation_holds_stock_and_keeps_name_and_price_of_its_moment(shop: Shop) -> None:
    product, reserva = add(shop.productos, "Tetera", 1149.5, stock=5), an_id()
    answer = take(shop, reserva, product, 3)
    taken = {
        "id": reserva,
        "producto_id": product,
        "cantidad": 3,
        "estado": "tomada",
        "nombre": "Tetera",
        "precio": 1149.5,
        "moneda": "MXN",
    }
    assert (answer.status_code, answer.json()) == (200, taken)
    assert read(shop.productos, product)["stock"] == 2
    edit(shop.productos, product, nombre="Otra", precio=1)
    again = take(shop, reserva, product, 3)
    assert (again.status_code, again.json()) == (200, taken)
    assert read(shop.productos, product)["stock"] == 2
    found = shop.productos.get(f"/reservas/{reserva}", TOKENS.credential())
    assert found.json() == taken
    (made,) = shop.productos.sql("SELECT creado_en FROM reservas WHERE id = :id", id=reserva)
    assert abs(made.creado_en - time.time() * 1000) < 60_000


def test_a_sale_is_no_edit(shop: Shop) -> None:
    product = add(shop.productos, stock=5)
    before = version(shop.productos, product)
    take(shop, an_id(), product, 3)
    assert version(shop.productos, product) == before


def test_without_enough_stock_it_is_refused_and_stays_refused(shop: Shop) -> None:
    product, reserva = add(shop.productos, stock=2), an_id()
    assert told(take(shop, reserva, product, 3)) == NO_STOCK
    edit(shop.productos, product, stock=10)
    assert told(take(shop, reserva, product, 3)) == NO_STOCK
    assert told(take(shop, an_id(), product, 3)) == TAKEN
    assert read(shop.productos, product)["stock"] == 7
    assert told(cancel(shop, reserva)) == CANCELLED
    assert read(shop.productos, product)["stock"] == 7


def test_what_is_not_counted_is_always_there(shop: Shop) -> None:
    product = add(shop.productos)
    assert told(take(shop, an_id(), product, 10_000)) == TAKEN
    assert read(shop.productos, product)["stock"] is None


def test_cancelling_returns_the_stock_once(shop: Shop) -> None:
    product, reserva = add(shop.productos, stock=5), an_id()
    take(shop, reserva, product, 3)
    for _ in range(3):
        answer = cancel(shop, reserva)
        assert (answer.status_code, answer.json()) == (200, {"id": reserva, "estado": "cancelada"})
    assert read(shop.productos, product)["stock"] == 5
    assert told(take(shop, reserva, product, 3)) == TOMBSTONE
    assert read(shop.productos, product)["stock"] == 5


def test_a_reservation_that_arrives_after_its_cancelling_takes_nothing(shop: Shop) -> None:
    product, reserva = add(shop.productos, stock=5), an_id()
    assert told(cancel(shop, reserva)) == CANCELLED
    assert told(take(shop, reserva, product)) == TOMBSTONE
    assert read(shop.productos, product)["stock"] == 5
    found = shop.productos.get(f"/reservas/{reserva}", TOKENS.credential()).json()
    assert (found["estado"], found["producto_id"], found["cantidad"]) == ("cancelada", None, None)


@pytest.mark.parametrize("other", [{"cantidad": 2}, {"product": True}])
def test_an_id_is_for_one_product_and_quantity(shop: Shop, other: dict[str, Any]) -> None:
    product, another, reserva = add(shop.productos, stock=5), add(shop.productos, stock=5), an_id()
    take(shop, reserva, product)
    answer = take(shop, reserva, another if "product" in other else product, other.get("cantidad", 1))
    assert told(answer) == (422, "clave_reutilizada")
    assert (read(shop.productos, product)["stock"], read(shop.productos, another)["stock"]) == (4, 5)


def test_unknown_and_withdrawn_products_store_nothing(shop: Shop) -> None:
    product, reserva = add(shop.productos, stock=5), an_id()
    shop.productos.delete(f"/productos/{product}", ADMIN, headers=version(shop.productos, product))
    assert told(take(shop, reserva, 10**15)) == (422, "producto_desconocido")
    assert told(take(shop, reserva, product)) == (422, "producto_retirado")
    assert shop.productos.get(f"/reservas/{reserva}", TOKENS.credential()).status_code == 404
    edit(shop.productos, product, activo=True)
    assert told(take(shop, reserva, product)) == TAKEN


@pytest.mark.parametrize("price", [None, 0, -500])
def test_what_has_no_price_to_charge_cannot_be_ordered(shop: Shop, price: int | None) -> None:
    product = add(shop.productos)
    shop.productos.sql("UPDATE productos SET precio = :price WHERE id = :id", id=product, price=price)
    assert told(take(shop, an_id(), product)) == (422, "producto_retirado")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"producto_id": 1},
        {"producto_id": "1", "cantidad": 1},
        {"producto_id": 1, "cantidad": 0},
        {"producto_id": 1, "cantidad": 10_001},
        {"producto_id": 1, "cantidad": 1.5},
        {"producto_id": -1, "cantidad": 1},
        {"producto_id": 2**63, "cantidad": 1},
    ],
)
def test_a_wrong_body_is_400(shop: Shop, body: Any) -> None:
    answer = shop.productos.put(f"/reservas/{an_id()}", TOKENS.credential(), json=body)
    assert (answer.status_code, "error" in answer.json()) == (400, True)


@pytest.mark.parametrize("reserva", ["1", "x" * 36, "0b0e7f5c6d7b4b0c9b535a0a5f3f4a11", "%00"])
def test_an_id_is_a_uuid(shop: Shop, reserva: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        answer = shop.productos.request(method, f"/reservas/{reserva}", TOKENS.credential(), json={})
        assert answer.status_code == 404


def test_no_persons_token_and_no_forged_credential_is_good(shop: Shop) -> None:
    product, reserva = add(shop.productos, stock=5), an_id()
    now = int(time.time())
    claims = {"rol": "servicio", "exp": now + 30}
    key = wire.service_key()
    forged = [
        ADMIN,
        CLIENT,
        wire.forged(claims),  # signed as a person's token
        wire.forged({**claims, "usuario_id": 1}, key),
        wire.forged({**claims, "rol": "administrador"}, key),
        wire.forged({**claims, "exp": now + CREDENTIAL_SECONDS + LEEWAY + 60}, key),
        wire.forged({**claims, "exp": now - LEEWAY - 1}, key),
        wire.forged({"rol": "servicio"}, key),
    ]
    for token in forged:
        for method in ("PUT", "GET", "DELETE"):
            answer = shop.productos.request(
                method,
                f"/reservas/{reserva}",
                token,
                json={"producto_id": product, "cantidad": 1},
            )
            assert (answer.status_code, answer.json()) == (401, {"error": "Token inválido"})
    assert read(shop.productos, product)["stock"] == 5


def test_what_is_held_is_held_however_old_it_is(shop: Shop) -> None:
    """No clock gives stock away: only pedidos knows whether an order stands on it."""
    product, old = add(shop.productos, stock=5), an_id()
    assert told(take(shop, old, product, 3)) == TAKEN
    year = 366 * 24 * 3600 * 1000
    shop.productos.sql("UPDATE reservas SET creado_en = creado_en - :year WHERE id = :id", year=year, id=old)
    shop.productos.stop()
    shop.productos.start()
    assert told(take(shop, an_id(), product, 3)) == NO_STOCK
    assert told(cancel(shop, an_id())) == CANCELLED
    assert told(take(shop, old, product, 3)) == TAKEN
    assert read(shop.productos, product)["stock"] == 2


# The ledger through every change of counting


def test_stock_and_held_reservations_stay_the_sum_of_the_ledger(shop: Shop) -> None:
    product = add(shop.productos, stock=10)
    counted, uncounted = an_id(), an_id()

    def balanced(stock: int | None) -> bool:
        return (read(shop.productos, product)["stock"], unbalanced(shop.productos)) == (stock, [])

    take(shop, counted, product, 4)
    assert balanced(6)
    edit(shop.productos, product, stock=None)
    assert balanced(None)
    take(shop, uncounted, product, 3)
    assert balanced(None)
    edit(shop.productos, product, stock=20)
    assert balanced(20)
    cancel(shop, uncounted)
    assert balanced(20)
    cancel(shop, counted)
    assert balanced(24)


def test_cancelling_while_the_stock_is_not_counted_leaves_the_count(shop: Shop) -> None:
    product, reserva = add(shop.productos, stock=10), an_id()
    take(shop, reserva, product, 4)
    edit(shop.productos, product, stock=None)
    cancel(shop, reserva)
    assert unbalanced(shop.productos) == []
    assert edit(shop.productos, product, stock=5)["stock"] == 5
    assert unbalanced(shop.productos) == []


# Races, in real threads


def test_stock_five_and_a_hundred_at_once(shop: Shop) -> None:
    product = add(shop.productos, stock=5)
    lowest: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            rows = shop.productos.sql("SELECT stock FROM productos WHERE id = :id", id=product)
            lowest.append(rows[0].stock)

    watcher = threading.Thread(target=watch)
    watcher.start()
    answers = at_once(lambda reserva: told(take(shop, reserva, product)), [an_id() for _ in range(100)])
    done.set()
    watcher.join()
    assert sorted(answers) == sorted([TAKEN] * 5 + [NO_STOCK] * 95)
    assert (read(shop.productos, product)["stock"], min(lowest) >= 0) == (0, True)
    assert unbalanced(shop.productos) == []


def take_three(shop: Shop, product: int, reserva: str) -> requests.Response:
    return take(shop, reserva, product, 3)


def test_three_and_three_of_five(shop: Shop) -> None:
    for product in [add(shop.productos, stock=5) for _ in range(5)]:
        answers = [told(answer) for answer in at_once(partial(take_three, shop, product), [an_id(), an_id()])]
        assert sorted(answers) == sorted([TAKEN, NO_STOCK])
        assert read(shop.productos, product)["stock"] == 2


def test_one_reservation_fifty_times_at_once(shop: Shop) -> None:
    product, reserva = add(shop.productos, stock=50), an_id()
    answers = at_once(lambda _: told(take(shop, reserva, product, 2)), range(50))
    assert answers == [TAKEN] * 50
    assert read(shop.productos, product)["stock"] == 48


def test_taking_and_cancelling_at_once_ends_cancelled_with_the_stock_whole(shop: Shop) -> None:
    product = add(shop.productos, stock=50)

    def take_or_cancel(reserva: str, taking: bool) -> tuple[int, str]:
        return told(take(shop, reserva, product) if taking else cancel(shop, reserva))

    for _ in range(10):
        reserva = an_id()
        answers = at_once(partial(take_or_cancel, reserva), [True, False] * 4)
        assert set(answers) <= {TAKEN, CANCELLED, TOMBSTONE}
        assert told(take(shop, reserva, product)) == TOMBSTONE
    assert read(shop.productos, product)["stock"] == 50
    assert unbalanced(shop.productos) == []


def test_sales_and_edits_at_once_lose_neither(shop: Shop) -> None:
    """A manual stock counts from the moment it is set; whatever the order, the ledger explains the rest."""
    product = add(shop.productos, stock=1_000)

    def change(**changes: Any) -> tuple[int, str]:
        path, headers = f"/productos/{product}", {"If-Match": "*"}
        return shop.productos.patch(path, ADMIN, json=changes, headers=headers).status_code, ""

    acts: list[Callable[[], tuple[int, str]]] = [lambda: told(take(shop, an_id(), product))] * 30
    acts += [lambda: change(nombre="Otra"), lambda: change(stock=500)]
    answers = at_once(lambda act: act(), acts)
    assert answers == [TAKEN] * 30 + [(200, "")] * 2
    assert unbalanced(shop.productos) == []
    assert 470 <= read(shop.productos, product)["stock"] <= 500
