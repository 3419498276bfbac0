"""The filters of the home page are those of the catalogue: only the list changes, and the address says what is shown."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.conftest import settled
from tests.e2e.running import Running

HERO = "Cosas buenas para días fríos"


def test_ordering_on_the_home_page_changes_the_list_alone(page: Page, shop: Running, scripts: bool) -> None:
    shop.a_producto(nombre="De lo más barato", precio=0.02)
    shop.a_producto(nombre="Lo más nuevo de hoy", precio=500)
    page.goto("/")
    order, first = page.get_by_label("Ordenar por"), page.locator("#resultados h3").first
    prices = page.locator("#resultados .price")
    expect(first).to_have_text("Lo más nuevo de hoy")
    order.focus()
    before = order.bounding_box()
    order.select_option("precio-asc")
    if scripts:
        page.wait_for_url("**/?**orden=precio-asc**")
        settled(page)
        expect(order).to_be_focused()
        assert order.bounding_box() == before
    else:
        page.get_by_role("button", name="Aplicar").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HERO)
    expect(first).not_to_have_text("Lo más nuevo de hoy")
    cheapest = re.compile(re.escape(prices.first.inner_text().split("\n")[0]))
    listed = [float(re.sub(r"[^0-9.]", "", text)) for text in prices.all_inner_texts()]
    assert listed == sorted(listed)
    page.reload()
    expect(prices.first).to_have_text(cheapest)
    expect(order).to_have_value("precio-asc")
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Good things for cold days")
    expect(prices.first).to_have_text(cheapest)
    page.go_back()
    page.go_back()
    expect(first).to_have_text("Lo más nuevo de hoy")


def test_the_footer_keeps_up_with_the_filters(open_page: Callable[..., Page], shop: Running) -> None:
    for price in (5, 6):  # one alone is not ordered
        shop.a_producto(nombre="Cosa", precio=price)
    for path in ("/", "/productos"):
        page = open_page()
        page.goto(path)
        with page.expect_response("**orden=nombre**"):
            page.get_by_label("Ordenar por").select_option("nombre")
        settled(page)
        page.get_by_role("button", name="Oscura").click()
        page.wait_for_url("**orden=nombre**")
        page.get_by_label("Ordenar por").select_option("precio-desc")
        page.wait_for_url("**orden=precio-desc**")
        settled(page)
        page.get_by_role("link", name="English").click()
        page.wait_for_url(f"**/en{path}?**orden=precio-desc**")
        expect(page.get_by_label("Sort by")).to_have_value("precio-desc")
