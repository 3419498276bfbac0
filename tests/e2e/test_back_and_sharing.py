"""A list is its address: shared it is the same list, and Back finds it as it was left (checks 5 and 6)."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import settled
from tests.e2e.running import Running


@pytest.fixture(scope="module")
def gorros(shop: Running) -> None:
    """Thirty products of a kind, dearer and dearer."""
    for number in range(29):
        shop.services.a_producto(nombre=f"Gorro de punto {number:02}", precio=10 + number)
    shop.a_producto(nombre="Gorro de punto 29", precio=39)


def names(page: Page) -> list[str]:
    return page.locator("#resultados h3").all_inner_texts()


def sort_by_price(page: Page, scripts: bool) -> None:
    page.get_by_label("Ordenar por").select_option("precio-desc")
    if not scripts:
        page.get_by_role("button", name="Aplicar").click()
    page.wait_for_url("**orden=precio-desc**")
    settled(page) if scripts else page.wait_for_load_state()


@pytest.mark.usefixtures("gorros")
def test_somebody_else_sees_the_same_page_of_the_same_list(
    open_page: Callable[..., Page], scripts: bool
) -> None:
    page = open_page(scripts=scripts)
    page.goto("/productos?q=punto")
    sort_by_price(page, scripts)
    page.get_by_role("link", name="Página 2").click()
    expect(page.locator("#resultados h3").first).to_have_text("Gorro de punto 05")
    other = open_page()
    other.goto(page.url)
    assert names(other) == names(page) == [f"Gorro de punto {number:02}" for number in range(5, -1, -1)]
    expect(other.get_by_label("Ordenar por")).to_have_value("precio-desc")


@pytest.mark.usefixtures("gorros")
def test_back_finds_the_list_its_order_and_its_place(open_page: Callable[..., Page], scripts: bool) -> None:
    page = open_page(scripts=scripts, width=390, height=780)
    page.goto("/productos?q=punto")
    as_found = names(page)
    sort_by_price(page, scripts)
    sorted_names = names(page)
    assert sorted_names != as_found
    link = page.get_by_role("link", name="Gorro de punto 17")
    link.scroll_into_view_if_needed()
    place = page.evaluate("scrollY") if scripts else 0
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Gorro de punto 17")
    page.go_back()
    expect(page.locator("#resultados h3").first).to_have_text(sorted_names[0])
    assert names(page) == sorted_names
    expect(page.get_by_label("Ordenar por")).to_have_value("precio-desc")
    if scripts:
        assert place > 0
        page.wait_for_function("place => Math.abs(scrollY - place) < 100", arg=place)
    page.go_back()
    expect(page.locator("#resultados h3").first).to_have_text(as_found[0])
    assert names(page) == as_found
    expect(page.get_by_role("banner")).to_be_visible()
    expect(page.get_by_role("contentinfo")).to_be_visible()
