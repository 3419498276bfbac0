"""Each service stopped in turn: the shop says what still works (checks 14 to 17)."""

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.running import Running
from tests.shop import Person, Service


@pytest.fixture
def stop(shop: Running) -> Iterator[Callable[[Service], None]]:
    """Stops a service, which runs again at the end at the latest."""
    stopped: list[Service] = []

    def stopping(service: Service) -> None:
        stopped.append(service)
        service.kill()

    yield stopping
    for service in stopped:
        if service.process is not None and service.process.poll() is not None:
            service.start()


def test_orders_down_nothing_is_charged_and_later_it_is_bought_once(
    page: Page, shop: Running, shopper: Person, stop: Callable[[Service], None]
) -> None:
    number = shop.a_producto(nombre="Esquís", stock=5)
    sign_in(page, shopper, f"/productos/{number}")
    page.get_by_role("button", name="Agregar al carrito").click()
    expect(page.get_by_text("Agregado: Esquís").first).to_be_visible()
    page.goto("/pagar/revisar")
    stop(shop.services.pedidos)
    page.get_by_role("button", name="Confirmar pedido").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No pudimos registrar tu pedido")
    expect(page.get_by_text("No se cobró nada.")).to_be_visible()
    page.goto("/estado")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hay un problema con los pedidos")
    page.go_back()
    shop.services.pedidos.start()
    page.goto("/pagar/revisar")
    # The breaker lets a call through after five seconds; until then the page says the same and asks to try again.
    deadline = time.monotonic() + 15
    while "¡Gracias!" not in page.content() and time.monotonic() < deadline:
        page.get_by_role("button", name="Intentar de nuevo").click()
        page.wait_for_load_state()
    expect(page.get_by_role("heading", level=1)).to_contain_text("¡Gracias!")
    assert len(shop.orders_of(shopper.id)) == 1


def test_products_down_the_last_catalogue_is_shown_and_ordering_waits(
    page: Page, shop: Running, shopper: Person, stop: Callable[[Service], None]
) -> None:
    number = shop.a_producto(nombre="Raquetas", stock=5)
    sign_in(page, shopper, "/productos")
    page.goto(f"/productos/{number}")
    stop(shop.services.productos)
    page.goto("/productos")
    expect(page.get_by_text("Raquetas").first).to_be_visible()
    page.goto("/pedidos")
    expect(page.get_by_role("heading", level=1)).to_have_text("Mis pedidos")
    page.goto("/estado")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hay un problema con el catálogo")
    text = page.locator("body").inner_text()
    assert "127.0.0.1" not in text
    assert "sqlite" not in text


def test_users_down_a_live_session_goes_on(
    page: Page, shop: Running, shopper: Person, stop: Callable[[Service], None]
) -> None:
    number = shop.a_producto(nombre="Guantes", stock=5)
    sign_in(page, shopper, f"/productos/{number}")
    stop(shop.services.usuarios)
    page.get_by_role("button", name="Agregar al carrito").click()
    expect(page.get_by_text("Agregado: Guantes").first).to_be_visible()
    page.goto("/pagar/revisar")
    page.get_by_role("button", name="Confirmar pedido").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("¡Gracias!")
    page.context.clear_cookies(name="sesion")
    page.goto("/entrar")
    page.locator("#entrar-email").fill(shopper.email)
    page.locator("#entrar-password").fill(shopper.password)
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_text("Ahora mismo no podemos revisar las cuentas.")).to_be_visible()
    expect(page.locator("#entrar-email")).to_have_value(shopper.email)
