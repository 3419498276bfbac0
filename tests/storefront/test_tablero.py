"""The names of the customers on the orders board and in the list, and what stands there while nobody can tell them."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.shop import Person
from tests.storefront.conftest import PEDIDOS, USUARIOS, PlainShop, RealShop

PAGES = ("/admin/pedidos", "/admin/pedidos?vista=lista")
BOARD_SECONDS = 1.5


def an_order(real: RealShop, person: Person) -> int:
    """The number of a new order of `person`."""
    order = real.services.a_pedido(person, real.a_producto(nombre="Gorro", stock=5))
    return int(order.headers["Location"].rsplit("/", 1)[1])


def test_customers_have_their_names(real: RealShop) -> None:
    person = real.services.person(nombre="Zoe <b> Ñandú")
    numero = an_order(real, person)
    owner = real.owner()
    for path in (*PAGES, f"/admin/pedidos/{numero}"):
        assert "<bdi>Zoe &lt;b&gt; Ñandú</bdi>" in owner.get(path).text
    assert f"Cliente {person.id}" not in owner.get("/admin/pedidos").text


def test_an_account_that_left_is_a_number(real: RealShop) -> None:
    person = real.services.person()
    numero = an_order(real, person)
    assert real.services.usuarios.delete("/perfil", person.token).status_code == 200
    owner = real.owner()
    for path in (*PAGES, f"/admin/pedidos/{numero}"):
        assert f"<bdi>Cliente {person.id}</bdi>" in owner.get(path).text


@pytest.fixture
def hanging(real: RealShop) -> Iterator[Callable[[], None]]:
    """Lets usuarios hang until the test ends."""
    usuarios = real.services.usuarios
    yield usuarios.pause
    usuarios.resume()


def test_the_board_does_not_wait_for_names(real: RealShop, hanging: Callable[[], None]) -> None:
    person = real.services.person(nombre="Nombre que no llega")
    an_order(real, person)
    owner = real.owner().get("/admin/pedidos")
    assert "Nombre que no llega" in owner.text
    hanging()
    for path in PAGES:
        begin = time.monotonic()
        owner.get(path)
        assert time.monotonic() - begin < BOARD_SECONDS
        assert owner.status == 200
        assert f"<bdi>Cliente {person.id}</bdi>" in owner.text
        assert "Nombre que no llega" not in owner.text


def test_services_that_tell_no_names_are_not_asked(plain: PlainShop) -> None:
    orders = [{"id": 1, "usuario_id": 7, "producto_id": 1, "cantidad": 1, "estado": "pendiente"}]
    pedidos = plain.services["pedidos"]
    pedidos.add_url_rule("/openapi.json", "openapi", lambda: {"paths": {"/pedidos": {"get": {}}}})
    pedidos.add_url_rule("/pedidos", "all", lambda: {"pedidos": orders})
    plain.a_producto()
    owner = plain.visit().sign_in("duena@x", "12345678").get("/admin/pedidos?vista=lista")
    assert "<bdi>Cliente 7</bdi>" in owner.text
    assert ("GET", "/usuarios") not in plain.adapter.calls
    plain.adapter.down.add(USUARIOS)
    assert "<bdi>Cliente 7</bdi>" in owner.get("/admin/pedidos?vista=lista").text


def test_the_board_of_orders_that_never_answered_is_unavailable_not_absent(plain: PlainShop) -> None:
    plain.a_producto()
    owner = plain.visit().sign_in("duena@x", "12345678")
    plain.adapter.down.add(PEDIDOS)
    assert owner.get("/admin/pedidos").status == 503
    assert owner.get("/admin/pedidos/1").status == 503
