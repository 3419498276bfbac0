"""Two instances of pedidos on one PostgreSQL, which recover at the same time. On one SQLite file a second one is refused."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from services.common.tokens import Tokens
from tests import proxy
from tests.api.sagas import SagaShop, another_pedidos, attempt, phases, poll, saga_shop, settle, stock
from tests.postgres import PostgreSQL
from tests.shop import SECRET, a_key


@pytest.fixture
def two(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[SagaShop]:
    with (
        saga_shop(tmp_path, postgresql.new_database(f"two_{a_key()}")) as shop,
        another_pedidos(shop),
    ):
        yield shop


def test_two_instances_one_stopped_past_the_grace_while_the_other_recovers(two: SagaShop) -> None:
    person, product, key = two.person(), two.a_producto(stock=5), a_key()
    seen, release, met = threading.Event(), threading.Event(), []

    def stop_the_first(exchange: proxy.Exchange) -> None:
        two.pedidos.pause()
        seen.set()
        release.wait(proxy.WAIT)
        met.append(exchange.deliver())

    two.proxy.once("PUT", stop_the_first)
    told: list[int | None] = []
    zombie = threading.Thread(target=lambda: told.append(attempt(two, person, product, key)))
    zombie.start()
    assert seen.wait(10)
    poll(lambda: phases(two, product) == ["abortado"])
    two.pedidos.resume()
    release.set()
    zombie.join(10)
    assert told == [503]
    assert b'"cancelada"' in poll(lambda: met)[0]
    settle(two)
    assert (stock(two, product), phases(two, product)) == (5, ["abortado"])


def test_two_instances_recover_at_once(two: SagaShop) -> None:
    person, product = two.person(), two.a_producto(stock=100)
    for _ in range(30):
        reserva = a_key()
        two.pedidos.sql(
            "INSERT INTO pedidos (usuario_id, producto_id, cantidad, estado, version, fase, intento_n, reserva_id)"
            " VALUES (:person, :product, 1, 'pendiente', 1, 'intento', 1, :reserva)",
            person=person.id,
            product=product,
            reserva=reserva,
        )
        held = two.productos.put(
            f"/reservas/{reserva}", Tokens(SECRET).credential(), json={"producto_id": product, "cantidad": 1}
        )
        assert held.status_code == 200
    settle(two)
    assert (stock(two, product), set(phases(two, product))) == (100, {"abortado"})


def test_a_key_that_another_instance_is_storing(two: SagaShop) -> None:
    person, product, key = two.person(), two.a_producto(stock=5), a_key()
    waiting = (
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO pedidos%'"
    )
    told: list[tuple[int, str]] = []

    def ask() -> None:
        answer = two.a_pedido(person, product, 1, key)
        told.append((answer.status_code, answer.json()["codigo"]))

    asking = threading.Thread(target=ask)
    with psycopg.connect(two.pedidos.database, options="-c search_path=pedidos") as other:
        other.execute(
            "INSERT INTO pedidos (usuario_id, producto_id, cantidad, estado, version, fase, intento_n, clave, huella,"
            " reserva_id, plazo) VALUES (%s, %s, 1, 'pendiente', 1, 'intento', 1, %s, %s, %s, 1)",
            (person.id, product, key, f"{product}/1/", a_key()),
        )
        asking.start()
        poll(lambda: two.pedidos.sql(waiting))
    asking.join(10)
    assert told == [(409, "en_curso")]
    settle(two)
