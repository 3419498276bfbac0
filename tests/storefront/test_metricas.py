"""What the storefront's /metrics tells: pages by route, lines of purchases, calls and breakers; and no person."""

from storefront.circuit import FAILURES_TO_OPEN
from tests.exposition import Samples, growth, samples_of
from tests.storefront.conftest import PEDIDOS, PlainShop


def samples(shop: PlainShop) -> Samples:
    """Every number by its name and labels, as Prometheus would read them."""
    answer = shop.visit().get("/metrics").page
    assert answer is not None
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples_of(answer.get_data(as_text=True))


def grown(shop: PlainShop, before: Samples) -> Samples:
    """What counts more than ``before``."""
    return growth(before, samples(shop))


def pages(method: str, route: str, status: int) -> str:
    return f"pingui_request_seconds_count method={method} route={route} status={status}"


def test_pages_are_counted_by_the_pattern_of_their_path(plain: PlainShop) -> None:
    product = plain.a_producto(nombre="canario")
    before = samples(plain)
    visit = plain.visit()
    for path in (f"/productos/{product}-canario", "/en/ayuda", "/no/canario?q=canario", "/carrito"):
        visit.get(path)
    visit.client.open("/carrito", method="BREW")
    after = grown(plain, before)
    assert after[pages("GET", "/ayuda", 200)] == 1
    assert after[pages("GET", "other", 404)] == 1
    assert after[pages("GET", "/carrito", 200)] == 1
    assert after[pages("other", "other", 405)] == 1
    assert after["pingui_request_seconds_sum method=GET route=/carrito status=200"] > 0
    assert not any("canario" in name or "BREW" in name for name in after)


def test_pages_that_are_kept_are_counted_too(plain: PlainShop) -> None:
    plain.a_producto()
    before = samples(plain)
    for _ in range(3):
        plain.visit().get("/productos")
    after = grown(plain, before)
    shown = [value for name, value in after.items() if name.startswith("pingui_request_seconds_count")]
    assert after[pages("GET", "kept", 200)] >= 1
    assert sum(shown) == 4  # and the look at the counters before


def test_lines_of_purchases_are_counted_by_outcome(plain: PlainShop) -> None:
    visit = plain.visit().register()
    visit.add_to_cart(plain.a_producto())
    before = samples(plain)
    visit.get("/pagar/revisar").send("/pagar/confirmar")
    after = grown(plain, before)
    lines = {name: value for name, value in after.items() if name.startswith("pingui_purchase_lines")}
    assert lines == {"pingui_purchase_lines_total outcome=done": 1}
    assert after["pingui_service_calls_total result=answered service=pedidos"] >= 1


def test_a_service_that_is_gone_shows_in_its_calls_and_its_breaker(plain: PlainShop) -> None:
    visit = plain.visit().register()
    before = samples(plain)
    assert before["pingui_circuit_open service=pedidos"] == 0
    assert before["pingui_ready"] == 1
    plain.adapter.down.add(PEDIDOS)
    for _ in range(FAILURES_TO_OPEN + 3):
        visit.get("/pedidos")
    after = grown(plain, before)
    assert after["pingui_circuit_open service=pedidos"] == 1
    assert after["pingui_service_calls_total result=no_answer service=pedidos"] == FAILURES_TO_OPEN
    assert after["pingui_service_calls_total result=not_sent service=pedidos"] >= 3
    visit.sign_in(password="wrong password")
    assert "pingui_service_calls_total result=refused service=usuarios" in grown(plain, before)


def test_nobody_behind_a_proxy_reads_them(plain: PlainShop) -> None:
    for path in ("/metrics", "/en/metrics"):
        assert plain.visit().get(path, **{"X-Forwarded-For": "203.0.113.9"}).status == 404
