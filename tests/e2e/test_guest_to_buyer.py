"""A guest finds a product, fills the cart, registers on the way and buys (checks 1, 4, 7, 9, 11 and 12)."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import settled
from tests.e2e.running import Running


def test_from_the_search_to_the_thanks(page: Page, shop: Running, scripts: bool) -> None:
    shop.a_producto(nombre="Taza del pingüino rey", precio=1299.9, stock=8)
    page.goto("/")
    page.get_by_role("searchbox", name="Buscar productos").fill("pinguino rey")
    page.get_by_role("button", name="Buscar", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Buscaste «pinguino rey»")
    expect(page.get_by_role("heading", level=2)).to_contain_text("para «pinguino rey»")
    page.get_by_role("link", name="Taza del pingüino rey").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Taza del pingüino rey")
    page.get_by_role("button", name="Agregar uno").click()
    expect(page.locator("#cantidad")).to_have_value("2")
    page.get_by_role("button", name="Agregar al carrito").click()
    expect(page.get_by_text("Agregado: Taza del pingüino rey × 2.").first).to_be_visible()
    page.get_by_role("link", name="Ver carrito").click() if scripts else page.goto("/carrito")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tu carrito (2 artículos)")

    page.get_by_role("button", name="Quitar Taza del pingüino rey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tu carrito está vacío")
    page.get_by_role("button", name="Deshacer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tu carrito (2 artículos)")
    expect(page.get_by_text("$2,599.80 MXN")).to_be_visible()

    page.get_by_role("link", name="Continuar").click()
    form = page.get_by_role("region", name="Es mi primera compra")
    assert form.locator("input:not([type=hidden])").count() == 3
    form.get_by_label("Nombre").fill("Ana Pérez")
    form.get_by_label("Correo electrónico").fill(f"ana-{'js' if scripts else 'sin'}@ejemplo.com")
    form.get_by_label("Contraseña", exact=True).fill("una contraseña")
    form.get_by_role("button", name="Crear cuenta").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Revisa tu pedido")
    expect(page.get_by_text("$2,599.80 MXN")).to_be_visible()
    page.get_by_role("button", name="Confirmar pedido por $2,599.80").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("¡Gracias! Recibimos tu pedido")
    expect(page.get_by_text("$2,599.80 MXN")).to_be_visible()
    page.get_by_role("link", name="Ver mis pedidos").click()
    page.get_by_role("link", name=re.compile(r"^Pedido \d+$")).click()
    expect(page.get_by_text("$2,599.80 MXN")).to_be_visible()
    expect(page.get_by_text("Lo estamos preparando")).to_be_visible()


def test_filters_and_order_stay_in_the_address(page: Page, shop: Running, scripts: bool) -> None:
    kind = "lana" if scripts else "seda"
    for number in range(25):
        shop.services.a_producto(nombre=f"Bufanda {kind} {number:02}", precio=10 + number)
    shop.a_producto(nombre=f"Bufanda {kind} 25", precio=35)
    page.goto(f"/productos?q={kind}")
    page.get_by_label("Ordenar por").focus()
    page.get_by_label("Ordenar por").select_option("precio-asc")
    if scripts:
        page.wait_for_url("**orden=precio-asc**")
        settled(page)
        expect(page.get_by_label("Ordenar por")).to_be_focused()
    else:
        page.get_by_role("button", name="Aplicar").click()
    first = page.get_by_role("heading", level=3).first
    expect(first).to_have_text(f"Bufanda {kind} 00")
    page.get_by_role("link", name="Página 2").click()
    expect(first).to_have_text(f"Bufanda {kind} 24")
    expect(page).to_have_title(f"26 resultados para «{kind}» (página 2 de 2) — Pingüi")
    assert f"q={kind}" in page.url
    assert "pagina=2" in page.url
    first.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Bufanda {kind} 24")
    page.go_back()
    expect(first).to_have_text(f"Bufanda {kind} 24")


def test_adding_from_a_card_does_not_move_the_page(shop: Running, open_page: object) -> None:
    assert callable(open_page)
    number = shop.a_producto(nombre="Gorro de borla", precio=99)
    page: Page = open_page()
    page.goto("/productos?q=gorro+de+borla")
    button = page.locator(f"#agregar-{number}")
    button.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    button.click()
    settled(page)
    expect(page.locator("#cart-count")).to_contain_text("1")
    expect(page.locator("#live")).to_have_text("Agregado: Gorro de borla. Tu carrito tiene 1 artículo.")
    expect(button).to_be_focused()
    assert page.evaluate("scrollY") == before
    assert page.url.endswith("/productos?q=gorro+de+borla")


def test_more_than_the_stock_is_told_and_corrected(page: Page, shop: Running) -> None:
    number = shop.a_producto(nombre="Termo escaso", stock=3)
    page.goto(f"/productos/{number}")
    page.locator("#cantidad").fill("7")
    page.get_by_role("button", name="Agregar al carrito").click()
    expect(page.get_by_text("Solo quedan 3. Ajustamos la cantidad a 3.").first).to_be_visible()
    expect(page.locator("#cantidad")).to_have_value("3")
