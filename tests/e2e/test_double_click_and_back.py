"""Impatient fingers, Back, reload and two tabs: one order (check 13, W8)."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import sign_in
from tests.e2e.running import Running
from tests.shop import Person


@pytest.fixture
def review(page: Page, shop: Running, shopper: Person) -> Page:
    """The review page of a cart with one product."""
    number = shop.a_producto(nombre="Cuaderno", precio=50, stock=50)
    sign_in(page, shopper, f"/productos/{number}")
    page.get_by_role("button", name="Agregar al carrito").click()
    expect(page.get_by_text("Agregado: Cuaderno").first).to_be_visible()
    page.goto("/pagar/revisar")
    return page


def test_double_click_reload_and_back_are_one_order(review: Page, shop: Running, shopper: Person) -> None:
    review.get_by_role("button", name="Confirmar pedido").dblclick()
    heading = review.get_by_role("heading", level=1)
    expect(heading).to_contain_text("¡Gracias!")
    thanks = review.url
    review.reload()
    expect(heading).to_contain_text("¡Gracias!")
    review.go_back()
    if review.get_by_role("button", name="Confirmar pedido").count():
        review.get_by_role("button", name="Confirmar pedido").click()
        expect(heading).to_contain_text("¡Gracias!")
        assert review.url == thanks
    assert len(shop.orders_of(shopper.id)) == 1


def test_two_tabs_are_one_order(review: Page, shop: Running, shopper: Person) -> None:
    other = review.context.new_page()
    other.goto("/pagar/revisar")
    for page in (review, other):
        page.get_by_role("button", name="Confirmar pedido").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("¡Gracias!")
    assert review.url == other.url
    assert len(shop.orders_of(shopper.id)) == 1


def test_a_reply_that_never_came_is_the_same_order_when_sent_again(
    review: Page, shop: Running, shopper: Person
) -> None:
    before = review.context.cookies()

    def lose(route: Route) -> None:
        route.fetch(max_redirects=0)
        route.abort()

    review.route("**/pagar/confirmar", lose)
    with review.expect_event("requestfailed"):
        review.get_by_role("button", name="Confirmar pedido").click()
    review.unroute("**/pagar/confirmar")
    # The browser that never got the answer has the cookies of before.
    review.context.clear_cookies()
    review.context.add_cookies(before)  # type: ignore[arg-type]
    review.goto("/pagar/revisar")
    expect(review.get_by_role("heading", level=1)).to_contain_text("¡Gracias!")
    assert len(shop.orders_of(shopper.id)) == 1


def test_many_clicks_on_add_are_told_one_after_another(open_page: Callable[..., Page], shop: Running) -> None:
    number = shop.a_producto(nombre="Calcomanías")
    page = open_page()
    page.goto("/productos?q=calcoman")
    page.locator(f"#agregar-{number}").dblclick()
    expect(page.locator("#cart-count")).to_contain_text("1")
    page.goto("/carrito")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Tu carrito (")
