"""The whole shop over services that know the frozen contract alone (contract.md section 5)."""

from tests.storefront.conftest import PlainShop


def test_a_stranger_browses_registers_buys_and_sees_the_order(plain: PlainShop) -> None:
    taza = plain.a_producto("Taza pingüino", 129.9, "Para el café")
    plain.a_producto("Bufanda", 1299.9)
    visit = plain.visit()
    assert "Taza pingüino" in visit.get("/").text
    visit.get("/productos?q=pinguino")
    assert visit.heading == "Buscaste «pinguino»"
    assert "1 resultado para «pinguino»" in visit.text
    assert "Bufanda" not in visit.text.split('id="resultados"')[1]
    visit.get(f"/productos/{taza}")
    assert visit.path == f"/productos/{taza}-taza-pinguino"
    visit.send("/carrito/lineas", cantidad="2")
    assert visit.path == "/carrito"
    assert "$259.80 MXN" in visit.text
    visit.get("/pagar")
    visit.send("/registro", nombre="Ana", email="ana@ejemplo.com", password="contraseña 1")
    assert visit.heading == "Revisa tu pedido"
    assert "Confirmar pedido por $259.80" in visit.text
    visit.send("/pagar/confirmar")
    assert visit.status == 200
    assert visit.heading == "¡Gracias! Recibimos tu pedido"
    assert visit.get("/carrito").heading == "Tu carrito está vacío"
    visit.get("/pedidos")
    assert "Taza pingüino" in visit.text
    assert "Pendiente" in visit.text
    visit.get("/pedidos/1")
    assert visit.heading == "Pedido 1"
    assert [cantidad for _usuario, _producto, cantidad in plain.orders()] == [2]


def test_what_plain_services_cannot_do_is_absent(plain: PlainShop) -> None:
    taza = plain.a_producto()
    visit = plain.visit()
    visit.register()
    product = visit.get(f"/productos/{taza}").text
    assert "Disponible" not in product
    assert "Agotado" not in product
    visit.add_to_cart(taza).get("/pagar/revisar").send("/pagar/confirmar")
    assert "Cancelar pedido" not in visit.get("/pedidos/1").text
    assert "Borrar mi cuenta" not in visit.get("/cuenta").text
    assert visit.get("/admin/pedidos").status == 404


def test_a_token_without_role_may_add_products(plain: PlainShop) -> None:
    visit = plain.visit()
    visit.register().get("/admin/productos/nuevo")
    visit.send("/admin/productos/nuevo", nombre="Gorro", precio="1,299.90")
    assert visit.path == "/admin/productos"
    assert "$1,299.90" in visit.text
    form = {"nombre": "Gorro", "precio": "1299.90", "clave": "una clave"}
    visit.post("/admin/productos/nuevo", form)
    visit.post("/admin/productos/nuevo", form)
    assert visit.get("/admin/productos").text.count("<tr id=") == 2
