"""Two languages and the look that is chosen (checks 22 and 23)."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.running import Running

SPANISH = re.compile(r"\b(Carrito|Agregar|Buscar|Catálogo|Entrar|Pedido|Cantidad|Escribe|Contraseña|Ayuda)\b")


def test_in_english_every_word_is_english_and_the_link_can_be_shared(
    page: Page, shop: Running, scripts: bool
) -> None:
    number = shop.a_producto(nombre="Polar mug", precio=1299.9)
    page.goto(f"/productos/{number}")
    page.get_by_role("link", name="English").click()
    assert "/en/productos/" in page.url
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_text("MX$1,299.90").first).to_be_visible()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_text("Added: Polar mug. Your cart has 1 item.").first).to_be_visible()
    for path in ("/en/", "/en/productos?q=zzz", "/en/carrito", "/en/pagar", "/en/entrar", "/en/estado", "/en/ayuda",
                 "/en/accesibilidad", "/en/nada"):  # fmt: skip
        page.goto(path)
        text = page.locator("body").inner_text().replace("Español", "")
        assert SPANISH.findall(text) == [], path
    page.goto("/en/pagar")
    page.get_by_role("button", name="Create account").click()
    expect(page).to_have_title("Error: Who is buying? — Pingüi")
    expect(page.get_by_text("Enter your email").first).to_be_visible()


def test_the_chosen_look_survives_and_is_there_at_once(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(colour)
    page.get_by_role("button", name="Clara").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "clara")
    page.reload()
    assert page.evaluate(colour) != dark
    expect(page.get_by_role("button", name="Clara")).to_have_attribute("aria-pressed", "true")
