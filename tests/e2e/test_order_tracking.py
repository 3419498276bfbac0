"""An order moves as the owner ships it, and the buyer sees it (checks 18 and 21)."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import settled, sign_in
from tests.e2e.running import Running
from tests.shop import Person


@pytest.fixture
def numero(shop: Running, shopper: Person) -> int:
    """A pending order of the shopper."""
    answer = shop.services.a_pedido(shopper, shop.a_producto(nombre="Trineo", stock=9), 2)
    return int(answer.headers["Location"].rsplit("/", 1)[1])


def test_the_buyer_sees_what_the_owner_did(
    open_page: Callable[..., Page], shop: Running, shopper: Person, numero: int, scripts: bool
) -> None:
    buyer, owner = open_page(scripts=scripts), open_page(scripts=scripts)
    sign_in(buyer, shopper, f"/pedidos/{numero}")
    expect(buyer.get_by_text("Lo estamos preparando")).to_be_visible()
    sign_in(owner, shop.owner, "/admin/pedidos")
    owner.locator(f"#enviado-{numero}").click()
    expect(owner.get_by_role("region", name="Enviado").locator(f"#pedido-{numero}")).to_be_visible()
    expect(owner.get_by_text(f"Pedido {numero}: Enviado").first).to_be_visible()
    expect(owner.locator(f"#ir-{numero}")).to_be_focused()
    if scripts:
        expect(owner.locator("#live")).to_have_text(f"Pedido {numero}: Enviado")
    buyer.get_by_role("link", name="Actualizar").click()
    expect(buyer.get_by_text("Va en camino")).to_be_visible()
    if scripts:
        expect(buyer.get_by_role("link", name="Actualizar")).to_be_focused()
    owner.get_by_role("button", name="Deshacer").click()
    expect(owner.get_by_role("region", name="Pendiente").locator(f"#pedido-{numero}")).to_be_visible()
    owner.locator(f"#enviado-{numero}").click()
    owner.locator(f"#entregado-{numero}").click()
    buyer.get_by_role("link", name="Actualizar").click()
    expect(buyer.get_by_text("Ya lo recibiste")).to_be_visible()
    expect(buyer.get_by_role("link", name="Cancelar pedido")).to_have_count(0)


def test_the_board_works_by_keyboard_alone(
    open_page: Callable[..., Page], shop: Running, numero: int
) -> None:
    owner = open_page()
    sign_in(owner, shop.owner, "/admin/pedidos")
    owner.locator(f"#ir-{numero}").focus()
    owner.keyboard.press("Tab")
    expect(owner.locator(f"#enviado-{numero}")).to_be_focused()
    owner.keyboard.press("Enter")
    settled(owner)
    expect(owner.locator(f"#ir-{numero}")).to_be_focused()
    owner.keyboard.press("Tab")
    expect(owner.locator(f"#entregado-{numero}")).to_be_focused()


def test_the_buyer_cancels_while_it_is_pending(page: Page, shopper: Person, numero: int) -> None:
    sign_in(page, shopper, f"/pedidos/{numero}")
    page.get_by_role("link", name="Cancelar pedido").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"¿Cancelar el pedido {numero}?")
    page.get_by_role("button", name="Cancelar pedido").click()
    expect(page.get_by_text(f"Cancelamos el pedido {numero}.").first).to_be_visible()
    expect(page.get_by_text("No se enviará")).to_be_visible()


def test_two_owners_and_one_order(
    open_page: Callable[..., Page], shop: Running, numero: int, scripts: bool
) -> None:
    first, second = open_page(scripts=scripts), open_page(scripts=scripts)
    for page in (first, second):
        sign_in(page, shop.owner, "/admin/pedidos")
    first.locator(f"#enviado-{numero}").click()
    expect(first.locator(f"#entregado-{numero}")).to_be_visible()
    second.locator(f"#cancelado-{numero}").click()
    expect(second.get_by_text("Otra persona ya cambió este pedido a Enviado.").first).to_be_visible()
    expect(second.locator(f"#entregado-{numero}")).to_be_visible()


def test_a_receipt_is_one_page_black_on_white_without_menus(
    open_page: Callable[..., Page], shopper: Person, numero: int
) -> None:
    page = open_page(scheme="dark")
    sign_in(page, shopper, f"/pedidos/{numero}")
    page.emulate_media(media="print", color_scheme="dark")
    for part in ("header nav", "header form", "footer", "#seguimiento .btn"):
        for one in page.locator(part).all():
            expect(one).not_to_be_visible()
    expect(page.get_by_text("Trineo")).to_be_visible()
    expect(page.get_by_text("Vendido por")).to_be_visible()
    assert page.locator("thead").evaluate("head => getComputedStyle(head).display") == "table-header-group"
    assert page.locator("tfoot").evaluate("foot => getComputedStyle(foot).display") == "table-row-group"
    colours = page.evaluate(
        "() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert colours in (["rgb(0, 0, 0)", "rgb(255, 255, 255)"], ["rgb(0, 0, 0)", "rgba(0, 0, 0, 0)"])
    assert page.pdf(format="A4").count(b"/Type /Page\n") in (1, 2)
