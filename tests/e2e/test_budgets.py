"""What pages may weigh (ux.md section 3.2), over the wire, from an empty cache."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import sign_in
from tests.e2e.running import Running

SIZES = """() => [performance.getEntriesByType('navigation')[0], ...performance.getEntriesByType('resource')]
  .map(entry => ({url: entry.name, kind: entry.initiatorType, bytes: entry.transferSize}))"""
SHIFT = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => list.getEntries().forEach(one => { sum += one.value; }))
    .observe({type: 'layout-shift', buffered: true});
  setTimeout(() => done(sum), 300);
})"""
KIB = 1024


@dataclass(frozen=True)
class Budget:
    html: int
    total: int
    requests: int
    css: int = 10
    js: int = 16


CATALOGUE, PRODUCT, OTHER, ADMIN = (
    Budget(12, 230, 32),
    Budget(8, 130, 14),
    Budget(8, 65, 14),
    Budget(20, 110, 36, js=18),
)


@pytest.fixture(scope="module")
def number(shop: Running) -> int:
    return shop.a_producto(nombre="De peso", descripcion="Pesa poco.\n" * 20, stock=9)


@pytest.mark.parametrize(
    ("path", "budget", "who"),
    [
        ("/", CATALOGUE, ""),
        ("/productos", CATALOGUE, ""),
        ("/productos/{}", PRODUCT, ""),
        ("/carrito", OTHER, ""),
        ("/pagar", OTHER, ""),
        ("/pedidos", OTHER, "shopper"),
        ("/cuenta", OTHER, "shopper"),
        ("/admin/productos", ADMIN, "owner"),
        ("/admin/pedidos", ADMIN, "owner"),
    ],
)
def test_a_page_weighs_no_more_than_its_budget(
    open_page: Callable[..., Page], shop: Running, number: int, path: str, budget: Budget, who: str
) -> None:
    page = open_page(width=390, height=844)
    if who:
        sign_in(page, shop.owner if who == "owner" else shop.services.person())
        page = page.context.new_page()
    session = page.context.new_cdp_session(page)
    session.send("Network.clearBrowserCache")
    page.goto(path.format(number), wait_until="load")
    entries = page.evaluate(SIZES)
    kinds = {kind: sum(one["bytes"] for one in entries if kind in one["url"]) for kind in (".css", ".js")}
    assert all(one["url"].startswith(shop.url) for one in entries)
    assert entries[0]["bytes"] <= budget.html * KIB
    assert kinds[".css"] <= budget.css * KIB
    assert kinds[".js"] <= budget.js * KIB
    assert sum(one["bytes"] for one in entries) <= budget.total * KIB
    assert len(entries) <= budget.requests


def test_nothing_moves_while_the_catalogue_loads(open_page: Callable[..., Page]) -> None:
    page = open_page(width=390, height=844)
    page.goto("/productos", wait_until="load")
    shift = page.evaluate(SHIFT)
    assert shift <= 0.01
