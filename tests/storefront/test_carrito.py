"""The cart: added, changed, removed, put back, and kept."""

import pytest

from tests.storefront.conftest import PlainShop, RealShop


def test_quantities_are_merged_and_changed(plain: PlainShop) -> None:
    taza = plain.a_producto("Taza", 100)
    visit = plain.visit().add_to_cart(taza).add_to_cart(taza, 2)
    assert visit.heading == "Tu carrito (3 artículos)"
    assert "Agregado: Taza × 2. Tu carrito tiene 3 artículos." in visit.text
    visit.send(f"/carrito/lineas/{taza}", cantidad="5")
    assert "$500.00 MXN" in visit.text
    visit.send(f"/carrito/lineas/{taza}", cantidad="5", paso="1")
    assert visit.heading == "Tu carrito (6 artículos)"
    assert "Cantidad 6. Total $600.00." in visit.text


def test_a_removed_line_can_be_put_back(plain: PlainShop) -> None:
    taza = plain.a_producto("Taza")
    visit = plain.visit().add_to_cart(taza, 4)
    visit.send(f"/carrito/lineas/{taza}", cantidad="0")
    assert visit.heading == "Tu carrito está vacío"
    assert "Quitaste Taza." in visit.text
    visit.send("/carrito/deshacer")
    assert visit.heading == "Tu carrito (4 artículos)"
    assert "Quitaste Taza." not in visit.get("/carrito").text


@pytest.mark.parametrize("typed", ["1e3", "٣", "3;DROP", "-1", "1.5", "", "99999999"])
def test_a_quantity_that_is_no_number_is_refused_at_its_field(plain: PlainShop, typed: str) -> None:
    taza = plain.a_producto()
    visit = plain.visit().add_to_cart(taza)
    visit.send(f"/carrito/lineas/{taza}", cantidad=typed)
    assert visit.status == 422
    assert "<title>Error: Tu carrito" in visit.text
    assert f'href="#cantidad-{taza}"' in visit.text
    assert f'id="cantidad-{taza}"' in visit.text
    assert 'aria-invalid="true"' in visit.text
    visit.post("/carrito/lineas", {"producto": taza, "cantidad": typed})
    assert visit.status == 422


def test_fifty_products_fit_and_the_next_one_is_told(plain: PlainShop) -> None:
    numbers = [plain.a_producto(f"Taza {number}") for number in range(51)]
    visit = plain.visit()
    for number in numbers:
        visit.add_to_cart(number)
    assert visit.heading == "Tu carrito (50 artículos)"
    assert "Tu carrito admite 50 productos distintos." in visit.text


def test_a_changed_price_is_told_at_its_line(plain: PlainShop) -> None:
    taza = plain.a_producto("Taza", 299)
    visit = plain.visit().add_to_cart(taza)
    plain.services["productos"].extensions["run"]("UPDATE productos SET precio = 319")
    plain.fresh()
    assert "El precio cambió de $299.00 a $319.00" in visit.get("/carrito").text


def test_a_product_that_is_gone_stays_marked_and_out_of_the_total(plain: PlainShop) -> None:
    taza, gorro = plain.a_producto("Taza", 100), plain.a_producto("Gorro", 50)
    visit = plain.visit().add_to_cart(taza).add_to_cart(gorro)
    plain.services["productos"].extensions["run"]("DELETE FROM productos WHERE id = ?", taza)
    plain.fresh()
    visit.get("/carrito")
    assert "Ya no se vende. No está en el total." in visit.text
    assert "$50.00 MXN" in visit.text


def test_the_cart_survives_signing_in_and_out(plain: PlainShop) -> None:
    taza = plain.a_producto()
    visit = plain.visit().add_to_cart(taza).register()
    assert visit.get("/carrito").heading == "Tu carrito (1 artículo)"
    visit.post("/salir")
    assert visit.get("/carrito").heading == "Tu carrito (1 artículo)"


def test_the_stepper_works_without_scripts(plain: PlainShop) -> None:
    taza = plain.a_producto("Taza")
    visit = plain.visit().get(f"/productos/{taza}")
    visit.send("/carrito/lineas", cantidad="2", paso="1")
    assert visit.path == f"/productos/{taza}-taza?cantidad=3"
    assert 'value="3"' in visit.text
    assert visit.get("/carrito").heading == "Tu carrito está vacío"


def test_more_than_the_stock_is_cut_to_what_is_left(real: RealShop) -> None:
    taza = real.a_producto(nombre="Taza contada", stock=3)
    visit = real.visit().get(f"/productos/{taza}")
    visit.send("/carrito/lineas", cantidad="7")
    assert visit.status == 422
    assert '<a href="#cantidad">Solo quedan 3. Ajustamos la cantidad a 3.</a>' in visit.text
    visit.send("/carrito/lineas")
    assert visit.heading == "Tu carrito (3 artículos)"
    visit.add_to_cart(taza)
    assert "Solo quedan 3. Ajustamos la cantidad a 3." in visit.text
    assert visit.heading == "Tu carrito (3 artículos)"


def test_what_is_sold_out_is_no_longer_sold(real: RealShop) -> None:
    taza = real.a_producto(nombre="Taza agotada", stock=0)
    visit = real.visit().get(f"/productos/{taza}")
    assert "Agotado" in visit.text
    assert 'id="comprar"' not in visit.text
    assert visit.add_to_cart(taza).status == 422


def test_a_price_that_changed_since_it_was_shown_is_told(plain: PlainShop) -> None:
    taza = plain.a_producto("Taza", 299)
    cards, page = plain.visit().get("/productos"), plain.visit().get(f"/productos/{taza}")
    plain.services["productos"].extensions["run"]("UPDATE productos SET precio = 319")
    plain.fresh()
    for visit in (cards, page):
        visit.send("/carrito/lineas")
        assert "Taza: el precio cambió de $299.00 a $319.00." in visit.text
        assert visit.get("/productos").send("/carrito/lineas").heading == "Tu carrito (2 artículos)"
        assert "el precio cambió" not in visit.text
