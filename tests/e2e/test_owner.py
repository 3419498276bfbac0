"""The owner adds a product with a picture, corrects it, counts it and withdraws it (checks 19 and 20)."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests.e2e.conftest import settled, sign_in
from tests.e2e.running import Running


def a_photo(size: tuple[int, int] = (800, 600)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#f99b2d").save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def owner(page: Page, shop: Running) -> Page:
    sign_in(page, shop.owner, "/admin/productos")
    return page


def a_file(content: bytes, name: str) -> FilePayload:
    return {"name": name, "mimeType": "image/jpeg", "buffer": content}


def test_a_product_from_the_form_to_the_shop_and_out_of_it(owner: Page, scripts: bool) -> None:
    nombre = f"Lámpara de témpano {'js' if scripts else 'sin'}"
    owner.get_by_role("link", name="Producto nuevo").click()
    owner.get_by_label("Nombre").fill(nombre)
    owner.get_by_label("Precio").fill("gratis")
    owner.get_by_label("Existencias").fill("4")
    owner.locator("#imagen").set_input_files(a_file(a_photo(), "lámpara.jpg"))
    owner.get_by_label("Texto alternativo").fill("Una lámpara naranja")
    owner.get_by_role("button", name="Guardar").click()
    summary = owner.get_by_role("alert").filter(has_text="Revisa estos datos")
    expect(summary).to_be_focused()
    expect(owner).to_have_title("Error: Producto nuevo — Pingüi")
    summary.get_by_role("link", name="Escribe un precio, por ejemplo 1299.90").click()
    expect(owner.get_by_label("Precio")).to_be_focused()
    expect(owner.get_by_text("Imagen ya subida:")).to_be_visible()
    expect(owner.get_by_label("Nombre")).to_have_value(nombre)
    owner.get_by_label("Precio").fill("1,299.90")
    owner.get_by_role("button", name="Guardar").click()
    expect(owner.get_by_text(f"Agregaste {nombre}.").first).to_be_visible()

    owner.get_by_role("link", name="Editar", exact=True).click()
    expect(owner.get_by_label("Precio")).to_have_value("1299.90")
    owner.get_by_role("link", name="Ver en la tienda").click()
    picture = owner.get_by_role("img", name="Una lámpara naranja")
    expect(picture).to_be_visible()
    if scripts:
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    owner.go_back()
    owner.get_by_role("link", name="Retirar de la tienda").click()
    owner.get_by_role("button", name="Retirar de la tienda").click()
    expect(owner.get_by_text(f"Retiraste {nombre} de la tienda.").first).to_be_visible()
    expect(owner.get_by_role("link", name=nombre)).to_have_count(0)


def test_files_that_are_no_pictures_are_told_and_the_form_stays(owner: Page) -> None:
    owner.goto("/admin/productos/nuevo")
    owner.get_by_label("Nombre").fill("Con foto mala")
    owner.get_by_label("Precio").fill("10")
    owner.locator("#imagen").set_input_files(a_file(b"\xff\xd8\xff" + b"0" * 7_200_000, "foto.jpg"))
    owner.get_by_role("button", name="Guardar").click()
    expect(owner.get_by_text("La imagen pesa 7.2 MB. El máximo es 5 MB.").first).to_be_visible()
    owner.locator("#imagen").set_input_files(a_file(b"un texto", "foto.jpg"))
    owner.get_by_role("button", name="Guardar").click()
    expect(owner.get_by_text(re.compile("No pudimos leer este archivo como imagen")).first).to_be_visible()
    expect(owner.get_by_label("Nombre")).to_have_value("Con foto mala")


def test_the_stock_is_counted_in_the_list(owner: Page, shop: Running, scripts: bool) -> None:
    nombre = f"Cuerda {'js' if scripts else 'sin'}"
    number = shop.a_producto(nombre=nombre, stock=5)
    owner.goto(f"/admin/productos?q={nombre}")
    owner.get_by_label(f"Existencias de {nombre}").fill("12")
    owner.locator(f"#guardar-{number}").click()
    if scripts:
        settled(owner)
        expect(owner.locator(f"#guardar-{number}")).to_be_focused()
    expect(owner.get_by_text(f"{nombre}: existencias 12.").first).to_be_visible()
    expect(owner.get_by_label(f"Existencias de {nombre}")).to_have_value("12")


def test_a_shopper_is_turned_away(page: Page, shop: Running) -> None:
    sign_in(page, shop.services.person())
    answer = page.goto("/admin/productos")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text("Esta sección es para administración")
