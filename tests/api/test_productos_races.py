"""Products under real threads and through kills: one key, one version, an acknowledged product is on disk."""

from collections.abc import Callable
from functools import partial

import pytest
import requests

from tests.api.catalogues import ADMIN, CLIENT, add, read, version
from tests.api.processes import at_once
from tests.shop import Shop, a_key


def test_one_key_fifty_times_is_one_product(shop: Shop) -> None:
    key, nombre = {"Idempotency-Key": a_key()}, f"Único {a_key()}"
    body = {"nombre": nombre, "precio": 5, "stock": 7}
    answers = at_once(lambda _: shop.productos.post("/productos", ADMIN, json=body, headers=key), range(50))
    assert [answer.status_code for answer in answers] == [201] * 50
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    rows = shop.productos.sql("SELECT id FROM productos WHERE nombre = :nombre", nombre=nombre)
    assert len(rows) == 1
    ledger = shop.productos.sql("SELECT cantidad FROM movimientos WHERE producto_id = :id", id=rows[0].id)
    assert [row.cantidad for row in ledger] == [7]


def test_one_key_with_two_bodies_at_once_is_one_product(shop: Shop) -> None:
    key, nombre = {"Idempotency-Key": a_key()}, f"Dos {a_key()}"
    bodies = [{"nombre": nombre, "precio": price} for price in (1, 2)] * 5
    answers = at_once(lambda body: shop.productos.post("/productos", ADMIN, json=body, headers=key), bodies)
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [422] * 5
    rows = shop.productos.sql("SELECT id FROM productos WHERE nombre = :nombre", nombre=nombre)
    assert len(rows) == 1


def priced(change: Callable[..., requests.Response], price: int) -> requests.Response:
    return change(json={"precio": price})


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_of_two_edits_of_one_version_one_is_told_to_read_again(shop: Shop, method: str) -> None:
    for product in [add(shop.productos) for _ in range(5)]:
        headers = version(shop.productos, product)
        change = partial(shop.productos.request, method, f"/productos/{product}", ADMIN, headers=headers)
        answers = at_once(partial(priced, change), [1, 2, 3, 4])
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
        assert version(shop.productos, product) == {"If-Match": '"2"'}


def test_a_read_after_a_write_shows_it(shop: Shop) -> None:
    product = add(shop.productos)
    for price in range(1, 40):
        headers = version(shop.productos, product)
        shop.productos.patch(f"/productos/{product}", ADMIN, json={"precio": price}, headers=headers)
        listed = {each["id"]: each["precio"] for each in shop.productos.get("/productos", CLIENT).json()}
        assert listed[product] == price


def test_readers_never_see_a_list_older_than_what_was_answered_before(shop: Shop) -> None:
    product = add(shop.productos, precio=1)
    headers = {"If-Match": "*"}
    path = f"/productos/{product}"

    def write(_: int) -> int:
        for price in range(2, 60):
            assert (
                shop.productos.patch(path, ADMIN, json={"precio": price}, headers=headers).status_code == 200
            )
        return 0

    def watch(_: int) -> int:
        seen = 0
        while seen < 59:
            listed = shop.productos.get("/productos", CLIENT).json()
            now = next(each["precio"] for each in listed if each["id"] == product)
            assert now >= seen, "the list went back in time"
            assert read(shop.productos, product)["precio"] >= now
            seen = now
        return 1

    results = at_once(lambda act: act(0), [write, watch, watch, watch])
    assert results == [0, 1, 1, 1]


def test_an_acknowledged_product_survives_a_kill(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(running=False)
    shop.productos.start()
    product = add(shop.productos, "Durable", 5, stock=3)
    shop.productos.kill()
    shop.productos.start()
    assert read(shop.productos, product)["stock"] == 3
