"""A form sent with mistakes says so on top, leads to them and forgets nothing (check 10)."""

from playwright.sync_api import Page, expect

from tests.e2e.running import Running


def test_two_mistakes_in_the_checkout(page: Page, shop: Running) -> None:
    number = shop.a_producto(nombre="Bitácora", stock=5)
    page.goto(f"/productos/{number}")
    page.get_by_role("button", name="Agregar al carrito").click()
    expect(page.get_by_text("Agregado: Bitácora").first).to_be_visible()
    page.goto("/pagar")
    form = page.get_by_role("region", name="Es mi primera compra")
    form.get_by_label("Nombre").fill("Ana Pérez")
    form.get_by_label("Correo electrónico").fill("ana en su casa")
    form.get_by_label("Contraseña", exact=True).fill("corta")
    form.get_by_role("button", name="Crear cuenta").click()
    summary = page.get_by_role("alert").filter(has_text="Revisa estos datos")
    expect(summary).to_be_focused()
    expect(page).to_have_title("Error: ¿Quién compra? — Pingüi")
    assert summary.get_by_role("link").count() == 2
    summary.get_by_role("link").first.click()
    email = page.locator("#registro-email")
    expect(email).to_be_focused()
    expect(email).to_have_value("ana en su casa")
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#registro-nombre")).to_have_value("Ana Pérez")
    expect(page.locator("#registro-password")).to_have_value("")
    summary.get_by_role("link").last.click()
    expect(page.locator("#registro-password")).to_be_focused()
