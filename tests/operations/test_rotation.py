"""Restarts and a new signing key while people buy: nothing acknowledged is lost, nobody is signed out (P20, P30, F13)."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.api.sagas import poll, settle
from tests.operations.load import Buyers, kept
from tests.operations.programs import faults
from tests.shop import Person, Service, Shop

LONGEST_STOP = 16.0
# The list of earlier keys is separated by commas, so a key has none.
OLD_SECRET = "the old secret of these tests of forty bytes"
NEW_SECRET = "the new secret of these tests of forty bytes"
# Those that verify before the one that signs: nobody meets a signature that it does not know yet.
VERIFIERS_FIRST = ("productos", "pedidos", "usuarios")


@pytest.fixture
def busy(new_shop: Callable[..., Shop]) -> tuple[Shop, Buyers, list[Person]]:
    """A shop and people who can buy in it."""
    shop = new_shop(PEDIDOS_GRACIA="1", SECRET_KEY=OLD_SECRET)
    people = [shop.admin, *(shop.person() for _ in range(5))]
    products = [shop.a_producto(stock=100_000), shop.a_producto(stock=20), shop.a_producto()]
    return shop, Buyers(shop, people, products), people


def restart(service: Service, **environment: str) -> None:
    """As an operator does: SIGTERM, wait, start."""
    begun = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - begun < LONGEST_STOP
    service.environment = {**service.environment, **environment}
    service.start()


def bought(buyers: Buyers, more: int = 10) -> None:
    """Wait until the people have bought ``more``."""
    before = len(buyers.placed)
    poll(lambda: len(buyers.placed) >= before + more, 30)


def orders(shop: Shop, person: Person, product: int) -> bool:
    """Whether an order is placed; a token that is refused is no matter of waiting."""
    answer = shop.a_pedido(person, product)
    assert answer.status_code != 401
    return answer.status_code == 201


def nothing_lost(shop: Shop, buyers: Buyers) -> None:
    settle(shop)
    assert kept(shop, buyers)
    assert faults(shop) == []


def test_a_rolling_restart_loses_nothing(busy: tuple[Shop, Buyers, list[Person]]) -> None:
    shop, buyers, _ = busy
    with buyers:
        bought(buyers)
        for service in shop.services:
            restart(service)
            bought(buyers)
    assert set(buyers.statuses) <= {200, 201, 409, 503}
    nothing_lost(shop, buyers)


def test_a_new_key_signs_nobody_out(busy: tuple[Shop, Buyers, list[Person]]) -> None:
    shop, buyers, people = busy
    with buyers:
        bought(buyers)
        for name in VERIFIERS_FIRST:
            restart(getattr(shop, name), SECRET_KEY=NEW_SECRET, SECRET_KEY_ANTERIORES=OLD_SECRET)
            bought(buyers)
            fresh = shop.sign_in(people[1].email, people[1].password)
            poll(partial(orders, shop, fresh, buyers.products[2]))
    assert buyers.statuses[201] > 40
    assert set(buyers.statuses) <= {200, 201, 409, 503}
    nothing_lost(shop, buyers)

    for name in VERIFIERS_FIRST:
        restart(getattr(shop, name), SECRET_KEY_ANTERIORES="")
    assert shop.a_pedido(fresh, buyers.products[2]).status_code == 201
    assert {
        shop.a_pedido(people[1], buyers.products[2]).status_code,
        shop.productos.get("/productos", people[1].token).status_code,
        shop.usuarios.get("/perfil", people[1].token).status_code,
    } == {401}
