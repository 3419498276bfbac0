"""By keyboard alone, with the focus always in sight (checks 2, 3 and 10)."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.conftest import settled
from tests.e2e.running import Running

FOCUS = """() => { const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);
  return {seen: box.bottom > 0 && box.top < innerHeight && box.width > 0,
          ring: parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none'
             || getComputedStyle(one, '::before').outlineStyle !== 'none', what: one.outerHTML.slice(0, 90)}; }"""


def press_until(page: Page, selector: str, limit: int = 60) -> None:
    """Tab until `selector` has the focus; every stop on the way must be seen with its ring."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        assert focus["seen"], focus
        assert focus["ring"], focus
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"the keyboard never reached {selector}")


def test_the_first_tab_leads_past_the_header(open_page: Callable[..., Page]) -> None:
    page = open_page()
    for path in ("/", "/carrito", "/entrar", "/estado", "/nada"):
        page.goto(path)
        page.keyboard.press("Tab")
        link = page.get_by_role("link", name="Saltar al contenido")
        expect(link).to_be_focused()
        expect(link).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()


def test_buying_without_a_mouse(open_page: Callable[..., Page], shop: Running) -> None:
    number = shop.a_producto(nombre="Brújula", precio=45, stock=9)
    page = open_page(width=390, height=780)
    page.goto(f"/productos/{number}")
    press_until(page, "#cantidad-more")
    page.keyboard.press("Enter")
    expect(page.locator("#cantidad")).to_have_value("2")
    press_until(page, "#agregar")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.locator("#agregar")).to_be_focused()
    press_until(page, "#agregado a")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tu carrito (2 artículos)")
    press_until(page, f"#cantidad-{number}-more")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tu carrito (3 artículos)")
    settled(page)
    expect(page.locator(f"#cantidad-{number}-more")).to_be_focused()
    expect(page.locator("#live")).to_have_text("Cantidad 3. Total $135.00.")
    press_until(page, f"#quitar-{number}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tu carrito está vacío")
    expect(page.locator("#carrito-titulo")).to_be_focused()
    page.get_by_role("button", name="Deshacer").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tu carrito (3 artículos)")
    page.get_by_role("link", name="Continuar").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/pagar")
    press_until(page, "#registro-nombre")
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    expect(page.locator("#errores")).to_be_focused()
    press_until(page, "#errores a")
    page.keyboard.press("Enter")
    expect(page.locator("#registro-nombre")).to_be_focused()
    page.keyboard.type("Eva")
    page.keyboard.press("Tab")
    page.keyboard.type("eva.teclado@ejemplo.com")
    page.keyboard.press("Tab")
    page.keyboard.type("una contraseña")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Revisa tu pedido")
    press_until(page, "#confirmar-boton")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("¡Gracias!")
