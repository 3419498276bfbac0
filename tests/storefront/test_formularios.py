"""A form that came back with mistakes: a field that was wrong is judged again once it is changed, and nothing else is done."""

import re

import pytest

from tests.storefront.conftest import PlainShop, RealShop, Visit

REGISTER = {"nombre": "Ana", "email": "ana@ejemplo.com", "password": "contraseña 1"}


def asking(page: str) -> list[str]:
    """The names of the controls that ask the shop again when they are changed."""
    controls = re.findall(r"<(?:input|textarea)[^>]*data-hx-vals=[^>]*>", page)
    return [found[1] for one in controls if (found := re.search(r' name="(\w+)"', one))]


def wrong(page: str) -> list[str]:
    controls = re.findall(r'<(?:input|textarea)[^>]*aria-invalid="true"[^>]*>', page)
    return [found[1] for one in controls if (found := re.search(r' name="(\w+)"', one))]


@pytest.mark.parametrize("path", ["/registro", "/entrar"])
def test_nothing_is_judged_before_it_was_sent(plain: PlainShop, path: str) -> None:
    assert asking(plain.visit().get(path).text) == []


def test_only_what_was_wrong_is_judged_again(plain: PlainShop) -> None:
    visit = plain.visit().post("/registro", {"nombre": "Ana", "email": "mal", "password": "corta"})
    assert visit.status == 422
    assert wrong(visit.text) == asking(visit.text) == ["email", "password"]
    again = {"nombre": "", "email": "ana@ejemplo.com", "password": "corta", "revisar": "email password"}
    visit.post("/registro", again)
    assert visit.status == 422
    assert wrong(visit.text) == asking(visit.text) == ["password"]
    assert "Escribe tu nombre" not in visit.text
    assert "autofocus" not in visit.text


def test_a_form_that_is_right_again_is_told_and_not_carried_out(plain: PlainShop) -> None:
    visit = plain.visit().post("/registro", {**REGISTER, "revisar": "email"})
    assert (visit.status, wrong(visit.text)) == (200, [])
    assert "<title>Crear cuenta" in visit.text
    assert "Corregido." in visit.text.split('id="live"')[1]
    assert plain.visit().sign_in().status == 422
    assert visit.register().status == 200


def test_the_account_step_of_the_checkout_judges_again(plain: PlainShop) -> None:
    taza = plain.a_producto()
    visit = plain.visit().add_to_cart(taza).get("/pagar")
    visit.send("/registro", nombre="", email="ana@ejemplo.com", password="contraseña 1")
    assert asking(visit.text) == ["nombre"]
    visit.send("/registro", nombre="Ana", email="ana@ejemplo.com", password="contraseña 1", revisar="nombre")
    assert (visit.status, visit.heading, wrong(visit.text)) == (200, "¿Quién compra?", [])
    visit.send("/entrar", email="", password="", revisar="email")
    assert wrong(visit.text) == ["email"]


def test_a_sign_in_that_is_judged_again_signs_nobody_in(plain: PlainShop) -> None:
    plain.visit().register()
    visit = plain.visit().post(
        "/entrar", {"email": "ana@ejemplo.com", "password": "contraseña 1", "revisar": "email"}
    )
    assert (visit.status, visit.heading) == (200, "Entrar")
    assert visit.get("/cuenta").heading == "Entrar"


def test_the_account_is_neither_changed_nor_deleted(real: RealShop) -> None:
    person = real.services.person()
    visit = real.visit().sign_in(person.email, person.password)
    visit.get("/cuenta").send("/cuenta/nombre", nombre="")
    assert asking(visit.text) == ["nombre"]
    visit.send("/cuenta/nombre", nombre="Otra", revisar="nombre")
    assert (visit.status, wrong(visit.text)) == (200, [])
    visit.get("/cuenta").send("/cuenta/clave", password_actual="", password="corta")
    assert asking(visit.text) == ["password_actual", "password"]
    change = {"password_actual": person.password, "password": "una nueva 1"}
    visit.send("/cuenta/clave", **change, revisar="password_actual password")
    assert (visit.status, wrong(visit.text)) == (200, [])
    visit.get("/cuenta/borrar").send("/cuenta/borrar", password=person.password, revisar="password")
    assert (visit.status, visit.heading) == (200, "¿Borrar tu cuenta?")
    visit = real.visit().sign_in(person.email, person.password)
    assert person.nombre in visit.get("/cuenta").text


def test_the_product_form_judges_again_and_saves_nothing(real: RealShop) -> None:
    owner = real.owner().get("/admin/productos/nuevo").send("/admin/productos/nuevo", precio="gratis")
    assert asking(owner.text) == ["nombre", "precio"]
    fields = {"nombre": "Producto sin guardar", "precio": "1.299,90"}
    owner.send("/admin/productos/nuevo", **fields, revisar="nombre precio")
    assert (owner.status, wrong(owner.text)) == (200, [])
    assert "Producto sin guardar" not in _names(owner)
    owner.get("/admin/productos/nuevo").send("/admin/productos/nuevo", **fields)
    assert owner.path == "/admin/productos"
    number = real.a_producto(nombre="Producto guardado", precio=10)
    owner.get(f"/admin/productos/{number}").send(f"/admin/productos/{number}", precio="20", revisar="precio")
    assert owner.status == 200
    product = real.services.productos.get(f"/productos/{number}", real.services.admin.token).json()
    assert product["precio"] == 10


def _names(owner: Visit) -> str:
    return owner.get("/admin/productos?q=producto+sin+guardar").text.split('id="productos-lista"')[1]
