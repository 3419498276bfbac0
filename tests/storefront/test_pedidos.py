"""A shopper's orders: cancelling with or without a reason, and where the reason is shown."""

from flask import request

from tests.storefront.conftest import PlainShop, RealShop, Visit

REASON = "Me equivoqué de talla & <b>lo siento</b>\nGracias"


def an_order(real: RealShop) -> tuple[Visit, str]:
    """A shopper with an order, and its number."""
    taza = real.a_producto(nombre="Taza", stock=5)
    visit = real.member().add_to_cart(taza).get("/pagar/revisar").send("/pagar/confirmar")
    return visit, visit.heading.rsplit(" ", 1)[1]


def test_the_reason_of_a_cancellation_is_shown_to_the_buyer_and_the_owner(real: RealShop) -> None:
    visit, numero = an_order(real)
    visit.get(f"/pedidos/{numero}/cancelar").send(f"/{numero}/cancelar", motivo=REASON.replace("\n", "\r\n"))
    assert visit.path == f"/pedidos/{numero}"
    shown = "Me equivoqué de talla &amp; &lt;b&gt;lo siento&lt;/b&gt;\nGracias"
    assert shown in visit.text
    assert shown in real.owner().get(f"/admin/pedidos/{numero}").text
    stored = real.services.pedidos.get(f"/pedidos/{numero}", real.services.admin.token).json()
    assert stored["motivo"] == REASON


def test_a_cancellation_without_a_reason_shows_none(real: RealShop) -> None:
    visit, numero = an_order(real)
    visit.get(f"/pedidos/{numero}/cancelar").send(f"/{numero}/cancelar", motivo="  ")
    assert f"Cancelamos el pedido {numero}." in visit.text
    assert "Motivo" not in visit.text
    assert "Motivo" not in real.owner().get(f"/admin/pedidos/{numero}").text


def test_a_reason_that_is_too_long_is_told_and_kept(real: RealShop) -> None:
    visit, numero = an_order(real)
    visit.get(f"/en/pedidos/{numero}/cancelar").send(f"/{numero}/cancelar", motivo="x" * 201)
    assert visit.status == 422
    assert "Use at most 200 characters" in visit.text
    assert "x" * 201 in visit.text
    visit.send(f"/{numero}/cancelar", motivo="x" * 200, revisar="motivo")
    assert (visit.status, visit.heading) == (200, f"Cancel order {numero}?")
    assert "Pending" in visit.get(f"/en/pedidos/{numero}").text


def test_a_service_that_knows_no_reasons_is_asked_for_none(plain: PlainShop) -> None:
    """It cancels, but its description names no `motivo`."""
    plain.a_producto()
    pedidos = plain.services["pedidos"]
    asked: list[object] = []
    document: dict[str, object] = {
        "paths": {
            "/pedidos/{id}": {
                "get": {},
                "patch": {
                    "requestBody": {
                        "content": {"application/json": {"schema": {"properties": {"estado": {}}}}}
                    }
                },
            }
        }
    }
    order = {"id": 1, "usuario_id": 1, "producto_id": 1, "cantidad": 1, "estado": "pendiente"}

    def change() -> dict[str, object]:
        asked.append(request.get_json())
        return {**order, "estado": "cancelado"}

    pedidos.add_url_rule("/openapi.json", "openapi", lambda: document)
    pedidos.add_url_rule("/pedidos/1", "one", lambda: order)
    pedidos.add_url_rule("/pedidos/1", "change", change, methods=["PATCH"])
    visit = plain.visit().sign_in("duena@x", "12345678")
    visit.get("/pedidos/1/cancelar")
    assert visit.heading == "¿Cancelar el pedido 1?"
    assert "Motivo" not in visit.text
    visit.send("/pedidos/1/cancelar", motivo="de todos modos")
    assert asked == [{"estado": "cancelado"}]


def test_an_empty_list_names_its_filter(real: RealShop) -> None:
    visit, _numero = an_order(real)
    assert "No tienes pedidos en «Entregado»" in visit.get("/pedidos?estado=entregado").text
    assert "You have no orders in “Cancelled”" in visit.get("/en/pedidos?estado=cancelado").text


def test_the_newest_order_stands_first(real: RealShop) -> None:
    visit, first = an_order(real)
    taza = real.a_producto(nombre="Otra taza", stock=5)
    second = visit.add_to_cart(taza).get("/pagar/revisar").send("/pagar/confirmar").heading.rsplit(" ", 1)[1]
    text = visit.get("/pedidos").text
    assert text.index(f"Pedido {second}") < text.index(f"Pedido {first}")


def test_buying_again_says_what_is_no_longer_there(real: RealShop) -> None:
    taza = real.a_producto(nombre="Taza escasa", stock=5)
    visit = real.member().add_to_cart(taza, 4).get("/pagar/revisar").send("/pagar/confirmar")
    numero = visit.heading.rsplit(" ", 1)[1]
    visit.get(f"/pedidos/{numero}").send(f"/{numero}/repetir")
    assert visit.heading == "Tu carrito (1 artículo)"
    assert "Solo queda 1. Ajustamos la cantidad a 1." in visit.text
    visit.get(f"/pedidos/{numero}").send(f"/{numero}/repetir")
    assert visit.heading == "Tu carrito (1 artículo)"
