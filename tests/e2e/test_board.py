"""The orders board: what the owner set stays through a move, and the customer's name stands on the card."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.conftest import settled, sign_in
from tests.e2e.running import Running


def test_the_automatic_refresh_stays_on_through_a_move(open_page: Callable[..., Page], shop: Running) -> None:
    person = shop.services.person(nombre="Inés Ñíguez")
    order = shop.services.a_pedido(person, shop.services.a_producto(stock=5))
    numero = order.headers["Location"].rsplit("/", 1)[1]
    page = open_page()
    sign_in(page, shop.owner, "/admin/pedidos")
    expect(page.locator(f"#pedido-{numero}")).to_contain_text("Inés Ñíguez")
    box = page.get_by_label("Actualizar automáticamente cada 30 s")
    box.check()
    page.locator(f"#enviado-{numero}").click()
    settled(page)
    expect(page.locator("[data-estado=enviado]").locator(f"#pedido-{numero}")).to_be_visible()
    expect(page.locator(f"#ir-{numero}")).to_be_focused()
    expect(box).to_be_checked()
    with page.expect_response("**/admin/pedidos"):
        box.dispatch_event("refresh")
