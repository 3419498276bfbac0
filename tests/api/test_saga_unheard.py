"""PostgreSQL makes an attempt an order and is gone before it says so, for longer than an order may take.

Who asked was told 503, "not placed, unless you ask again with this key"; recovery makes that true.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import commits
from tests.api.sagas import SagaShop, another_pedidos, phases, poll, saga_shop, settle, stock
from tests.commits import Commits
from tests.exposition import samples_of
from tests.postgres import PostgreSQL
from tests.shop import Person, Service, a_key

CONFIRMING = 2  # an order's commits: its intent, and that it is an order


@dataclass
class Unheard:
    """``between`` stands before the database of the shop's pedidos; ``another`` instance reaches it directly."""

    shop: SagaShop
    between: Commits
    another: Service

    def an_order(self, person: Person, product: int, key: str | None = None) -> None:
        self.between.lose(CONFIRMING, leaves=True)
        assert self.shop.a_pedido(person, product, key=key).status_code == 503
        assert phases(self.shop, product) == ["confirmado"]

    def two_sweeps(self) -> None:
        seen = self._sweeps()
        poll(lambda: self._sweeps() >= seen + 2)

    def _sweeps(self) -> float:
        return samples_of(self.shop.pedidos.get("/metrics").text)["pingui_recovery_total event=sweep"]


@pytest.fixture
def unheard(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[Unheard]:
    database = postgresql.new_database(f"unheard_{a_key()}")
    with commits.before(database) as between:
        url = between.url.render_as_string(hide_password=False)
        with (
            saga_shop(tmp_path, database, PEDIDOS_DATABASE_URL=url) as shop,
            another_pedidos(shop, PEDIDOS_DATABASE_URL=database) as another,
        ):
            yield Unheard(shop, between, another)


def listed(service: Service, person: Person) -> list[int]:
    return [pedido["id"] for pedido in service.get(f"/pedidos/usuario/{person.id}", person.token).json()]


def test_an_order_that_nobody_heard_of_is_withdrawn(unheard: Unheard) -> None:
    shop = unheard.shop
    person, product = shop.person(), shop.a_producto(stock=5)
    unheard.an_order(person, product)
    before = listed(unheard.another, person)
    unheard.between.come_back()
    poll(lambda: phases(shop, product) == ["abortado"])
    settle(shop)
    assert (stock(shop, product), listed(shop.pedidos, person)) == (5, [])
    assert shop.a_pedido(person, product).status_code == 201
    after = listed(unheard.another, person)
    assert len(before) == len(after) == 1
    assert before != after


def test_an_order_whose_key_was_told_of_it_stays(unheard: Unheard) -> None:
    shop = unheard.shop
    person, product, key = shop.person(), shop.a_producto(stock=5), a_key()
    unheard.an_order(person, product, key)
    body = {"usuario_id": person.id, "producto_id": product, "cantidad": 1}
    again = unheard.another.post("/pedidos", person.token, json=body, headers={"Idempotency-Key": key})
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (201, "true")
    unheard.between.come_back()
    unheard.two_sweeps()
    assert (phases(shop, product), stock(shop, product)) == (["confirmado"], 4)


def test_an_order_with_a_key_that_was_withdrawn_is_placed_when_asked_again(unheard: Unheard) -> None:
    shop = unheard.shop
    person, product, key = shop.person(), shop.a_producto(stock=5), a_key()
    unheard.an_order(person, product, key)
    unheard.between.come_back()
    poll(lambda: phases(shop, product) == ["abortado"])
    assert shop.a_pedido(person, product, key=key).status_code == 201
    unheard.two_sweeps()
    settle(shop)
    assert (phases(shop, product), stock(shop, product)) == (["confirmado"], 4)
