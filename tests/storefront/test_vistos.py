"""What was looked at last, for an empty cart to lead back to."""

import re
import time
from collections.abc import Callable
from typing import Any

from werkzeug.test import Client

from storefront.front import GOOD_UNTIL, FrontPages
from tests.storefront.conftest import PRODUCTOS, PlainShop, RealShop, Visit

HEADING = "Lo último que miraste"


def shown(visit: Visit) -> list[str]:
    """The names of the products that the cart leads back to."""
    parts = visit.get("/carrito").text.split(HEADING)
    return re.findall(r"<h3><a [^>]*><bdi>(.*?)</bdi>", parts[1]) if len(parts) > 1 else []


def test_the_empty_cart_leads_back_to_the_last_four_products(plain: PlainShop) -> None:
    numbers = [plain.a_producto(f"Taza {number}") for number in range(6)]
    visit = plain.visit()
    assert shown(visit) == []
    for number in (*numbers, numbers[3]):
        visit.get(f"/productos/{number}")
    assert shown(visit) == ["Taza 3", "Taza 5", "Taza 4", "Taza 2"]
    assert shown(visit.add_to_cart(numbers[0])) == []
    assert "What you looked at last" in visit.post(f"/en/carrito/lineas/{numbers[0]}", {"cantidad": 0}).text


def test_a_page_fetched_ahead_was_not_looked_at(plain: PlainShop) -> None:
    visit = plain.visit()
    visit.get(f"/productos/{plain.a_producto()}", **{"Sec-Purpose": "prefetch"})
    assert shown(visit) == []


def test_whoever_comes_from_the_page_of_a_product_looked_at_it(plain: PlainShop) -> None:
    first, second = plain.a_producto("Taza"), plain.a_producto("Gorro")
    visit = plain.visit()
    ahead = {"Sec-Purpose": "prefetch", "Referer": f"http://localhost/productos/{first}-taza"}
    visit.get(f"/productos/{second}-gorro", **ahead)
    assert shown(visit) == ["Taza"]
    for referrer in (
        f"http://localhost/en/productos/{second}-gorro?cantidad=2",
        "http://evil.example/productos/1",
    ):
        visit.get("/carrito", Referer=referrer)
        assert ("Gorro" in visit.text) == ("localhost" in referrer)


def test_what_is_no_longer_sold_is_left_out(real: RealShop) -> None:
    visit, owner = real.visit(), real.owner()
    numbers = [real.a_producto(nombre=f"Visto {number}") for number in range(2)]
    for number in numbers:
        visit.get(f"/productos/{number}")
    owner.get(f"/admin/productos/{numbers[0]}/retirar").send(f"/{numbers[0]}/retirar")
    real.fresh()
    assert shown(visit) == ["Visto 1"]


def test_without_a_catalogue_the_empty_cart_is_only_empty(plain: PlainShop) -> None:
    number = plain.a_producto()
    visit = plain.visit().get(f"/productos/{number}")
    plain.adapter.down.add(PRODUCTOS)
    plain.app.extensions["pingui.shop"].shelf._listings._copies.clear()
    assert shown(visit) == []
    assert visit.status == 200


def test_signing_out_forgets_it(plain: PlainShop) -> None:
    number = plain.a_producto()
    visit = plain.visit().register().get(f"/productos/{number}")
    assert len(shown(visit)) == 1
    visit.post("/salir")
    assert shown(visit) == []


def test_it_is_a_small_signed_cookie_of_numbers(plain: PlainShop) -> None:
    number = plain.a_producto()
    visit = plain.visit().get(f"/productos/{number}")
    cookie = visit.client.get_cookie("vistos")
    assert cookie is not None
    assert cookie.value.startswith(f"{number}.")
    assert (cookie.http_only, cookie.same_site, len(cookie.value) < 150) == (True, "Lax", True)
    visit.client.set_cookie("vistos", f"{number}.{'A' * 43}")
    assert shown(visit) == []


def test_who_only_looked_gets_the_list_that_strangers_get(plain: PlainShop) -> None:
    asked: list[str] = []

    def shop(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        asked.append(environ.get("HTTP_COOKIE", ""))
        environ[GOOD_UNTIL] = time.monotonic() + 60
        start_response("200 OK", [])
        return [b"a list"]

    front = FrontPages(shop, plain.app.extensions["pingui.shop"].shelf)
    client = Client(front, use_cookies=False)
    for cookie in ("vistos=1.2.abc", "__Host-vistos=3.abc", "vistos=1.2.abc; tema=oscura", "avistos=1"):
        client.get("/productos", headers={"Cookie": cookie})
    assert asked == ["vistos=1.2.abc", "vistos=1.2.abc; tema=oscura", "avistos=1"]
