"""What /metrics tells: requests by route, outcomes of orders, the breaker and recovery; and no person."""

from collections.abc import Callable

from tests.api.sagas import poll
from tests.exposition import Samples, growth, samples_of
from tests.shop import Service, Shop, a_key


def samples(service: Service) -> Samples:
    """Every number by its name and labels, as Prometheus would read them."""
    answer = service.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples_of(answer.text)


def grown(service: Service, before: Samples) -> Samples:
    """What counts more than ``before``."""
    return growth(before, samples(service))


def requests_counted(method: str, route: str, status: int) -> str:
    return f"pingui_request_seconds_count method={method} route={route} status={status}"


def test_requests_are_counted_by_the_pattern_of_their_path(shop: Shop) -> None:
    product = shop.a_producto()
    before = samples(shop.productos)
    for _ in range(3):
        shop.productos.get(f"/productos/{product}", shop.admin.token)
    shop.productos.get("/productos/999999", shop.admin.token)
    shop.productos.get("/productos/7/secret?email=canary")
    shop.productos.request("BREW", "/pot")
    after = grown(shop.productos, before)
    assert after[requests_counted("GET", "/productos/<id:producto_id>", 200)] == 3
    assert after[requests_counted("GET", "/productos/<id:producto_id>", 404)] == 1
    assert after[requests_counted("GET", "other", 404)] == 1
    assert not any("canary" in name or "secret" in name or "BREW" in name for name in after)


def test_what_lies_ready_is_counted_as_what_flask_answers(shop: Shop) -> None:
    person = shop.person()
    shop.a_pedido(person, shop.a_producto())
    before = samples(shop.pedidos)
    for query in ("?limite=9", "", "", ""):
        shop.pedidos.get(f"/pedidos/usuario/{person.id}{query}", person.token)
    after = grown(shop.pedidos, before)
    assert after[requests_counted("GET", "/pedidos/usuario/<id:usuario_id>", 200)] == 4


def test_orders_are_counted_by_how_they_ended(shop: Shop) -> None:
    person, product, key = shop.person(), shop.a_producto(stock=2), a_key()
    before = samples(shop.pedidos)
    for cantidad, key_used in ((2, key), (2, key), (1, key), (1, a_key())):
        shop.a_pedido(person, product, cantidad, key_used)
    shop.a_pedido(person, 999_999)
    after = grown(shop.pedidos, before)
    ended = {name.split("=")[1]: value for name, value in after.items() if name.startswith("pingui_orders_t")}
    wanted = ("placed", "repeated", "clave_reutilizada", "sin_stock", "producto_desconocido")
    assert ended == dict.fromkeys(wanted, 1)


def test_a_service_that_is_gone_shows_in_the_breaker_and_in_recovery(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(PEDIDOS_GRACIA="0.5")
    person, product = shop.admin, shop.a_producto(stock=50)
    assert samples(shop.pedidos)["pingui_productos_circuit_open"] == 0
    shop.productos.kill()
    # The sixth is not even begun: the breaker is open.
    for _ in range(6):
        assert shop.a_pedido(person, product).status_code == 503
    found = samples(shop.pedidos)
    assert found["pingui_productos_circuit_open"] == 1
    assert found["pingui_orders_total outcome=unconfirmed"] == 6
    assert found["pingui_ready"] == 1
    poll(lambda: samples(shop.pedidos)["pingui_unfinished_orders"] == 5)
    shop.productos.start()
    poll(lambda: samples(shop.pedidos)["pingui_recovery_total event=undone"] == 5, 20)
    found = poll(lambda: (now := samples(shop.pedidos))["pingui_unfinished_orders"] == 0 and now)
    assert found["pingui_productos_circuit_open"] == 0
    assert found["pingui_recovery_total event=sweep"] > 1
