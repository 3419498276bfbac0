"""The empty cart leads back to what was looked at: pages that were opened, not those that the browser fetched ahead."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.running import Running


def test_the_empty_cart_leads_back(page: Page, shop: Running, scripts: bool) -> None:
    nombre = f"Brújula {'moderna' if scripts else 'antigua'}"
    number = shop.a_producto(nombre=nombre, precio=45)
    page.goto(f"/productos?q={nombre}")
    page.locator(f"#producto-{number} a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(nombre)
    page.get_by_role("link", name="Carrito").click()
    page.get_by_role("link", name=nombre, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(nombre)


def test_a_page_fetched_ahead_counts_once_it_is_opened(open_page: Callable[..., Page], shop: Running) -> None:
    number = shop.a_producto(nombre="Sextante lejano", precio=45)
    page = open_page()
    page.goto("/productos?q=sextante+lejano")
    with page.context.expect_event("requestfinished", lambda one: f"/productos/{number}-" in one.url):
        page.get_by_role("link", name="Sextante lejano", exact=True).hover()
    other = page.context.new_page()
    other.goto("/carrito")
    expect(other.get_by_role("link", name="Sextante lejano", exact=True)).to_have_count(0)
    with page.context.expect_event("requestfinished", lambda one: f"/productos/{number}-" in one.url):
        page.get_by_role("link", name="Sextante lejano", exact=True).click()
    assert (
        page.evaluate("performance.getEntriesByType('navigation')[0].deliveryType") == "navigational-prefetch"
    )
    page.get_by_role("link", name="Carrito").click()
    expect(page.get_by_role("link", name="Sextante lejano", exact=True)).to_have_count(1)
