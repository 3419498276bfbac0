"""A session that ends in the middle of something: sign in, and go on (checks 16, W7, W14, W16)."""

import time
from collections.abc import Callable

import jwt
import pytest
from itsdangerous import Signer
from playwright.sync_api import Page, expect

from tests.e2e.conftest import settled, sign_in
from tests.e2e.running import STOREFRONT_SECRET, Running
from tests.shop import SECRET, Person


def expire(page: Page, person: Person) -> None:
    """Replaces the session by one whose token has just ended."""
    token = jwt.encode(
        {"usuario_id": person.id, "nombre": person.nombre, "exp": time.time() - 1}, SECRET, "HS256"
    )
    signer = Signer(STOREFRONT_SECRET, salt="pingui.sesion", digest_method="sha256", key_derivation="hmac")
    value = signer.sign(f"sid~{token}").decode()
    page.context.add_cookies(
        [{"name": "sesion", "value": value, "url": page.url.split("/", 3)[0] + "//127.0.0.1"}]
    )


def again(page: Page, person: Person) -> None:
    expect(page.get_by_text("Tu sesión terminó. Entra otra vez; guardamos tus datos.").first).to_be_visible()
    page.locator("#entrar-email").fill(person.email)
    page.locator("#entrar-password").fill(person.password)
    page.get_by_role("button", name="Entrar").click()


def test_in_the_middle_of_the_checkout(page: Page, shop: Running, shopper: Person) -> None:
    number = shop.a_producto(nombre="Reloj", precio=80, stock=5)
    sign_in(page, shopper, f"/productos/{number}")
    page.get_by_role("button", name="Agregar al carrito").click()
    expect(page.get_by_text("Agregado: Reloj").first).to_be_visible()
    page.goto("/pagar/revisar")
    expire(page, shopper)
    page.get_by_role("button", name="Confirmar pedido").click()
    again(page, shopper)
    expect(page.get_by_role("heading", level=1)).to_have_text("Revisa tu pedido")
    page.get_by_role("button", name="Confirmar pedido").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("¡Gracias!")
    assert len(shop.orders_of(shopper.id)) == 1


def test_a_part_of_the_page_never_holds_the_sign_in_page(
    open_page: Callable[..., Page], shop: Running, shopper: Person
) -> None:
    order = shop.services.a_pedido(shopper, shop.services.a_producto(stock=5))
    numero = order.headers["Location"].rsplit("/", 1)[1]
    page = open_page()
    sign_in(page, shopper, f"/pedidos/{numero}")
    expire(page, shopper)
    page.get_by_role("link", name="Actualizar").click()
    page.wait_for_url("**/entrar?**")
    again(page, shopper)
    page.wait_for_url(f"**/pedidos/{numero}")


def test_what_the_owner_typed_is_kept(open_page: Callable[..., Page], shop: Running, scripts: bool) -> None:
    page = open_page(scripts=scripts)
    sign_in(page, shop.owner, "/admin/productos/nuevo")
    page.get_by_label("Nombre").fill("Escrito antes")
    page.get_by_label("Precio").fill("12.50")
    expire(page, shop.owner)
    page.get_by_role("button", name="Guardar").click()
    again(page, shop.owner)
    expect(page.get_by_role("heading", level=1)).to_have_text("Producto nuevo")
    expect(page.get_by_label("Nombre")).to_have_value("Escrito antes")
    expect(page.get_by_label("Precio")).to_have_value("12.50")


def test_after_signing_out_back_shows_nothing_private(page: Page, shopper: Person) -> None:
    sign_in(page, shopper, "/cuenta")
    page.goto("/pedidos")
    page.goto("/cuenta")
    page.get_by_role("button", name="Cerrar sesión").click()
    expect(page.get_by_text("Cerraste tu sesión.").first).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Entrar")
    expect(page.get_by_text(shopper.email)).to_have_count(0)


@pytest.mark.parametrize("name", ["sesion", "carrito"])
def test_cookies_are_closed_to_scripts(open_page: Callable[..., Page], shopper: Person, name: str) -> None:
    page = open_page()
    sign_in(page, shopper, "/cuenta")
    settled(page)
    assert name not in page.evaluate("document.cookie")
