"""A purchase is placed once, and told as what it is (reliability.md P1, P10, W8)."""

import threading
from typing import Any

import requests
from flask import Flask

from tests.storefront.conftest import PEDIDOS, PRODUCTOS, USUARIOS, PlainShop, RealShop, Visit


def _ready(plain: PlainShop) -> tuple[Visit, dict[str, str]]:
    """A shopper before the confirming button, and the fields of its form."""
    visit = plain.visit().add_to_cart(plain.a_producto("Taza", 100), 2).register().get("/pagar/revisar")
    return visit, visit.form("/pagar/confirmar")["fields"]


def test_sent_again_from_anywhere_it_is_the_same_purchase(plain: PlainShop) -> None:
    visit, form = _ready(plain)
    visit.post("/pagar/confirmar", form)
    first = visit.path
    visit.post("/pagar/confirmar", form)
    assert visit.path == first
    assert len(plain.orders()) == 1


def test_two_tabs_of_one_cart_are_one_purchase(plain: PlainShop) -> None:
    visit, form = _ready(plain)
    other = visit.get("/pagar/revisar").form("/pagar/confirmar")["fields"]
    visit.post("/pagar/confirmar", form)
    visit.post("/pagar/confirmar", other)
    assert len(plain.orders()) == 1


def test_many_at_once_are_one_order(plain: PlainShop) -> None:
    visit, form = _ready(plain)
    cookies = {name: visit.client.get_cookie(name) for name in ("sesion", "carrito")}

    def send() -> None:
        client = plain.app.test_client()
        for name, cookie in cookies.items():
            assert cookie is not None
            client.set_cookie(name, cookie.value)
        client.post("/pagar/confirmar", data=form, headers={"Sec-Fetch-Site": "same-origin"})

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(plain.orders()) == 1


def test_a_cart_of_several_lines_is_several_orders_of_one_purchase(plain: PlainShop) -> None:
    taza, gorro = plain.a_producto("Taza", 100), plain.a_producto("Gorro", 50)
    visit = plain.visit().add_to_cart(taza, 2).add_to_cart(gorro).register().get("/pagar/revisar")
    visit.send("/pagar/confirmar")
    assert "$250.00 MXN" in visit.text
    assert {order[1:] for order in plain.orders()} == {(taza, 2), (gorro, 1)}


def test_a_changed_price_needs_another_yes(plain: PlainShop) -> None:
    visit, form = _ready(plain)
    plain.services["productos"].extensions["run"]("UPDATE productos SET precio = 120")
    plain.fresh()
    visit.post("/pagar/confirmar", form)
    assert visit.status == 409
    assert "Taza: el precio cambió de $100.00 a $120.00." in visit.text
    assert plain.orders() == []
    visit.send("/pagar/confirmar")
    assert len(plain.orders()) == 1


def test_a_form_that_was_edited_or_is_somebody_elses_buys_nothing(plain: PlainShop) -> None:
    visit, form = _ready(plain)
    visit.post("/pagar/confirmar", {"oferta": form["oferta"].replace("100", "1", 1) + "x"})
    assert plain.orders() == []
    other = plain.visit().register("Otra", "otra@ejemplo.com")
    other.post("/pagar/confirmar", form)
    assert plain.orders() == []


def test_orders_down_nothing_is_charged_and_trying_again_places_it_once(plain: PlainShop) -> None:
    visit, form = _ready(plain)
    plain.adapter.down.add(PEDIDOS)
    visit.post("/pagar/confirmar", form)
    assert visit.status == 503
    assert visit.heading == "No pudimos registrar tu pedido"
    assert "No se cobró nada" in visit.text
    plain.adapter.down.clear()
    visit.send("/reintentar")
    assert visit.heading == "¡Gracias! Recibimos tu pedido"
    assert len(plain.orders()) == 1
    assert visit.get("/carrito").heading == "Tu carrito está vacío"


def test_a_lost_reply_stays_unknown_and_is_never_sent_twice(plain: PlainShop) -> None:
    """Towards a service without keys: neither reload, nor Back, nor a second click sends it again."""
    visit, form = _ready(plain)
    assert plain.app.extensions["pingui.shop"].services.pedidos.service.is_described()
    plain.adapter.lost.add(PEDIDOS)
    visit.post("/pagar/confirmar", form)
    assert visit.heading == "Estamos confirmando tu pedido"
    plain.adapter.lost.clear()
    visit.post("/pagar/confirmar", form)
    assert visit.heading == "Estamos confirmando tu pedido"
    assert visit.get("/pagar/revisar").heading == "Estamos confirmando tu pedido"
    assert "Intentar de nuevo" not in visit.text
    assert len(plain.orders()) == 1
    visit.send("/soltar")
    assert visit.heading == "Tu carrito (2 artículos)"
    assert visit.get("/pagar/revisar").heading == "Revisa tu pedido"


def test_the_purchase_of_another_person_is_not_there(plain: PlainShop) -> None:
    visit, form = _ready(plain)
    address = visit.post("/pagar/confirmar", form).path
    other = plain.visit().register("Otra", "otra@ejemplo.com")
    assert other.get(address).status == 404


def test_each_service_down_the_rest_goes_on(plain: PlainShop) -> None:
    visit, _form = _ready(plain)
    plain.adapter.down = {USUARIOS}
    assert visit.get("/").status == 200
    assert visit.get("/pagar/revisar").send("/pagar/confirmar").heading == "¡Gracias! Recibimos tu pedido"
    assert plain.visit().sign_in().status == 503
    plain.adapter.down = {PRODUCTOS}
    plain.fresh()
    assert visit.get("/pedidos").status == 200
    assert "Taza" in visit.get("/productos").text
    plain.adapter.down = {PEDIDOS}
    assert visit.get("/pedidos").status == 503
    assert visit.page is not None
    assert visit.page.headers["Retry-After"]
    assert visit.get("/carrito").status == 200
    assert visit.get("/estado").heading == "Hay un problema con los pedidos"


def test_a_guest_without_any_copy_is_told_that_the_catalogue_is_down(plain: PlainShop) -> None:
    plain.adapter.down = {PRODUCTOS}
    visit = plain.visit().get("/productos")
    assert visit.status == 503
    assert visit.heading == "Ahora mismo no podemos mostrar el catálogo"
    plain.adapter.down = set()
    assert visit.get("/productos").status == 200


def test_over_the_real_services_a_purchase_has_its_number_and_stock_falls(real: RealShop) -> None:
    taza = real.a_producto(nombre="Taza real", precio=129.9, stock=10)
    visit = real.member().add_to_cart(taza, 3).get("/pagar/revisar")
    visit.send("/pagar/confirmar")
    assert visit.heading.startswith("¡Gracias! Recibimos tu pedido ")
    assert "$389.70 MXN" in visit.text
    address = visit.path
    assert visit.get(address).status == 200
    product = real.services.productos.get(f"/productos/{taza}", real.services.admin.token).json()
    assert product["stock"] == 7


def test_over_the_real_services_what_ran_out_stays_in_the_cart_with_its_reason(real: RealShop) -> None:
    taza, gorro = real.a_producto(nombre="Taza última", stock=1), real.a_producto(nombre="Gorro", stock=5)
    visit = real.member().add_to_cart(taza).add_to_cart(gorro).get("/pagar/revisar")
    form = visit.form("/pagar/confirmar")["fields"]
    quick = real.services.person()
    assert real.services.a_pedido(quick, taza).status_code == 201
    visit.post("/pagar/confirmar", form)
    if visit.status == 409:
        assert "Taza última se agotó." in visit.text
        visit.send("/pagar/confirmar")
    assert visit.heading.startswith("¡Gracias!")
    visit.get("/carrito")
    assert visit.heading == "Tu carrito (1 artículo)"
    assert "Agotado" in visit.text


def test_over_the_real_services_a_lost_reply_is_asked_again_under_the_same_key(real: RealShop) -> None:
    taza = real.a_producto(nombre="Taza con clave", stock=10)
    visit = real.member().add_to_cart(taza).get("/pagar/revisar")
    pedidos = real.app.extensions["pingui.shop"].services.pedidos
    session = pedidos.service._session
    send: Any = session.send
    lost: list[str] = []

    def lose_once(request: requests.PreparedRequest, **options: object) -> requests.Response:
        answer: requests.Response = send(request, **options)
        if request.method == "POST" and not lost:
            lost.append(request.headers["Idempotency-Key"])
            answer.close()
            raise requests.ConnectionError("the reply was lost")
        return answer

    session.send = lose_once
    visit.send("/pagar/confirmar")
    assert lost
    assert visit.heading.startswith("¡Gracias!")
    product = real.services.productos.get(f"/productos/{taza}", real.services.admin.token).json()
    assert product["stock"] == 9


def test_a_token_the_orders_no_longer_take_leads_to_signing_in_and_back(plain: PlainShop) -> None:
    visit, form = _ready(plain)
    refusing = Flask("refusing")
    refusing.add_url_rule("/pedidos", methods=["POST"], view_func=lambda: ({"error": "Token inválido"}, 401))
    pedidos = plain.adapter.apps[PEDIDOS]
    plain.adapter.apps = {**plain.adapter.apps, PEDIDOS: refusing}
    visit.post("/pagar/confirmar", form)
    assert visit.path == "/entrar?siguiente=%2Fpagar%2Frevisar"
    plain.adapter.apps = {**plain.adapter.apps, PEDIDOS: pedidos}
    visit.send("/entrar", email="ana@ejemplo.com", password="contraseña 1")
    visit.send("/reintentar")
    assert visit.heading == "¡Gracias! Recibimos tu pedido"
    assert len(plain.orders()) == 1
