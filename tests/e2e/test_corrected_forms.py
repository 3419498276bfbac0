"""A field that was wrong loses its message once it is right, without a jump of the focus and without the form being sent."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.conftest import settled, sign_in
from tests.e2e.running import Running


def _judged(page: Page, act: Callable[[], None]) -> None:
    """Does `act` and waits until the page has taken the shop's answer to it."""
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        act()
    settled(page)


def test_a_message_goes_once_its_field_is_right(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto("/registro")
    page.locator("#registro-email").fill("mal")
    page.get_by_role("button", name="Crear cuenta").click()
    expect(page.locator("#errores")).to_be_focused()
    expect(page.locator("#errores li")).to_have_count(3)
    page.locator("#registro-password").fill("contraseña 1")
    _judged(page, lambda: page.keyboard.press("Tab"))
    expect(page.locator("#registro-password-error")).to_have_count(0)
    expect(page.locator("#registro-password")).to_have_value("contraseña 1")
    expect(page.get_by_role("button", name="Mostrar la contraseña")).to_be_focused()
    page.locator("#registro-nombre").fill("Ana")
    _judged(page, lambda: page.keyboard.press("Tab"))
    expect(page.locator("#registro-email")).to_be_focused()
    expect(page.locator("#registro-nombre-error")).to_have_count(0)
    expect(page.locator("#registro-nombre")).to_have_value("Ana")
    expect(page.locator("#registro-nombre")).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("#errores li")).to_have_count(1)
    expect(page).to_have_title("Error: Crear cuenta — Pingüi")
    page.locator("#registro-email").fill("todavía mal")
    _judged(page, lambda: page.keyboard.press("Tab"))
    expect(page.locator("#registro-email")).to_have_attribute("aria-invalid", "true")
    page.locator("#registro-email").fill("ana@ejemplo.com")
    _judged(page, lambda: page.keyboard.press("Tab"))
    expect(page.locator("#errores")).to_be_hidden()
    expect(page).to_have_title("Crear cuenta — Pingüi")
    expect(page.locator("#live")).to_have_text("Corregido.")
    page.goto("/cuenta")
    expect(page.get_by_role("heading", level=1)).to_have_text("Entrar")


def test_a_field_that_is_right_again_is_left_alone(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto("/entrar")
    page.get_by_role("button", name="Entrar").click()
    page.locator("#entrar-email").fill("ana@ejemplo.com")
    _judged(page, lambda: page.keyboard.press("Tab"))
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.method))
    page.locator("#entrar-email").fill("mal")
    page.keyboard.press("Tab")
    page.locator("#entrar-password").fill("una contraseña")
    _judged(page, lambda: page.keyboard.press("Tab"))
    assert posts == ["POST"]
    expect(page.locator("#entrar-email-error")).to_have_count(0)


def test_another_picture_is_judged_at_once(open_page: Callable[..., Page], shop: Running) -> None:
    page = open_page()
    sign_in(page, shop.owner, "/admin/productos/nuevo")
    text = {"name": "foto.png", "mimeType": "image/png", "buffer": b"no soy una imagen"}
    page.locator("#imagen").set_input_files(text)  # type: ignore[arg-type]
    page.get_by_role("button", name="Guardar").click()
    expect(page.locator("#imagen-error")).to_be_visible()
    page.locator("#precio").fill("12")
    _judged(page, lambda: page.keyboard.press("Tab"))
    picture = {"name": "foto.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + b"0" * 99}
    _judged(page, lambda: page.locator("#imagen").set_input_files(picture))  # type: ignore[arg-type]
    expect(page.locator("#imagen-error")).to_have_count(0)
    assert page.locator("#imagen").evaluate("input => input.files.length") == 1
