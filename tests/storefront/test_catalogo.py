"""The catalogue: searched, sorted, filtered, paged, and shown while its service is down."""

import re
import time

import pytest

from storefront import shelf
from storefront.shelf import fold
from tests.storefront.conftest import PRODUCTOS, PlainShop, RealShop, Visit


def names(visit: Visit) -> list[str]:
    """The products of the page, in order."""
    return re.findall(r"<h3><a [^>]*><bdi>(.*?)</bdi>", visit.text)


@pytest.fixture
def stocked(plain: PlainShop) -> PlainShop:
    for nombre, precio in (
        ("Ñandú de peluche", 250),
        ("Taza", 99.9),
        ("Árbol", 1299.9),
        ("taza grande", 120),
    ):
        plain.a_producto(nombre, precio)
    return plain


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["taza grande", "Árbol", "Taza", "Ñandú de peluche"]),
        ("q=TAZA", ["Taza", "taza grande"]),
        ("q=nandu", ["Ñandú de peluche"]),
        ("q=arbol", ["Árbol"]),
        ("q=taza+grande", ["taza grande"]),
        ("orden=precio-asc", ["Taza", "taza grande", "Ñandú de peluche", "Árbol"]),
        ("orden=precio-desc", ["Árbol", "Ñandú de peluche", "taza grande", "Taza"]),
        ("orden=nombre", ["Árbol", "Ñandú de peluche", "Taza", "taza grande"]),
        ("precio_min=100&precio_max=250", ["taza grande", "Ñandú de peluche"]),
        ("precio_min=1,000", ["Árbol"]),
        ("orden=nonsense&pagina=x&precio_min=&otra=1", ["taza grande", "Árbol", "Taza", "Ñandú de peluche"]),
    ],
)
def test_a_query_finds_and_sorts(stocked: PlainShop, query: str, expected: list[str]) -> None:
    assert names(stocked.visit().get(f"/productos?{query}")) == expected


def test_a_price_nobody_understands_is_told_and_left_out(stocked: PlainShop) -> None:
    visit = stocked.visit().get("/productos?precio_min=barato")
    assert "No entendimos el precio «barato»; lo dejamos fuera." in visit.text
    assert len(names(visit)) == 4


def test_active_filters_are_links_that_remove_them(stocked: PlainShop) -> None:
    text = stocked.visit().get("/productos?q=taza&precio_max=100&orden=nombre").text
    assert 'href="/productos?orden=nombre&amp;precio_max=100.00"' in text
    assert 'href="/productos?q=taza&amp;orden=nombre"' in text
    assert 'rel="canonical" href="http://localhost/productos?q=taza&amp;precio_max=100.00"' in text


def test_pages_of_24_and_none_past_the_end(plain: PlainShop) -> None:
    for number in range(25):
        plain.a_producto(f"Taza {number:02}")
    visit = plain.visit().get("/productos?pagina=2&orden=nombre")
    assert names(visit) == ["Taza 24"]
    assert "(página 2 de 2)" in visit.text
    assert visit.get("/productos?pagina=99").path == "/productos?pagina=2"
    assert "25 productos" in visit.text


@pytest.mark.parametrize(("how_many", "text"), [(1, "1 producto<"), (2, "2 productos<")])
def test_one_is_not_many(plain: PlainShop, how_many: int, text: str) -> None:
    for number in range(how_many):
        plain.a_producto(f"Taza {number}")
    assert text in plain.visit().get("/productos").text


def test_an_empty_shop_invites_its_owner_only(plain: PlainShop) -> None:
    guest = plain.visit().get("/")
    assert "El iceberg está vacío por ahora" in guest.text
    assert "Crear el primero" not in guest.text
    assert "Crear el primero" in plain.visit().register().get("/productos").text


def test_the_address_of_a_product_is_one(plain: PlainShop) -> None:
    number = plain.a_producto("¡Taza, ñandú & té!")
    client = plain.app.test_client()
    right = f"/productos/{number}-taza-nandu-te"
    for wrong in (f"/productos/{number}", f"/productos/{number}-otra-cosa"):
        answer = client.get(wrong)
        assert (answer.status_code, answer.headers["Location"]) == (308, right)
    assert client.get(right).status_code == 200
    for absent in (
        "/productos/0",
        "/productos/01",
        "/productos/x",
        "/productos/99999999999999999999",
        "/productos/999",
    ):
        assert client.get(absent).status_code == 404


def test_an_unchanged_page_is_not_sent_again(plain: PlainShop) -> None:
    plain.a_producto()
    client = plain.app.test_client()
    first = client.get("/productos", headers={"Accept-Encoding": "br"})
    assert first.content_encoding == "br"
    again = client.get(
        "/productos", headers={"Accept-Encoding": "br", "If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.get_data()) == (304, b"")
    plain.a_producto("Otra")
    assert client.get("/productos", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_a_page_from_memory_is_of_the_same_person_cart_and_look(plain: PlainShop) -> None:
    taza = plain.a_producto()
    guest, member = plain.visit(), plain.visit().register().add_to_cart(taza)
    for _ in range(2):
        assert "Mis pedidos" not in guest.get("/productos").text
        assert "Mis pedidos" in member.get("/productos").text
        assert "1 artículo<" in member.text
        assert guest.page is not None
        assert guest.page.headers["Cache-Control"] == "no-cache"
        assert member.page is not None
        assert member.page.headers["Cache-Control"] == "no-store"


def test_products_down_the_last_catalogue_is_shown_with_its_age(
    plain: PlainShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    taza = plain.a_producto("Taza", 100)
    visit = plain.visit().get("/productos")
    assert "Precios y existencias de hace" not in visit.text
    owner = plain.visit().sign_in("duena@x", "12345678").get("/admin/productos")
    assert owner.status == 200
    assert "Esta lista es de hace" not in owner.text
    plain.adapter.down.add(PRODUCTOS)
    now = time.monotonic
    monkeypatch.setattr("storefront.copies.time.monotonic", lambda: now() + 30)
    assert "Precios y existencias de hace menos de un minuto; los" in visit.get("/productos").text
    assert "Esta lista es de hace menos de un minuto." in owner.get("/admin/productos").text
    monkeypatch.setattr("storefront.copies.time.monotonic", lambda: now() + 240)
    for path in ("/productos", f"/productos/{taza}-taza"):
        assert "Precios y existencias de hace 4 minutos; los confirmamos al pagar." in visit.get(path).text
    assert "Esta lista es de hace 4 minutos." in owner.get("/admin/productos").text
    assert visit.add_to_cart(taza).heading == "Tu carrito (1 artículo)"
    monkeypatch.setattr("storefront.copies.time.monotonic", lambda: now() + 1000)
    assert visit.get("/productos").status == 503


def test_folding_ignores_case_and_accents() -> None:
    assert fold("PINGÜINO Ñandú") == fold("pinguino nandu")


def test_a_shop_too_large_to_keep_is_asked_page_by_page(
    real: RealShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the real service, which searches, sorts and pages by itself."""
    numbers = [
        real.a_producto(nombre=f"Grande {one:02}", precio=10 + one, stock=3, categoria="Enorme")
        for one in range(26)
    ]
    monkeypatch.setattr(shelf, "WHOLE", (("limite", "2"),))
    visit = real.visit().get("/productos?q=grande&orden=precio-desc")
    assert names(visit)[:2] == ["Grande 25", "Grande 24"]
    assert "26 resultados para «grande»" in visit.text
    assert names(visit.get("/productos?q=grande&orden=precio-desc&pagina=2")) == ["Grande 01", "Grande 00"]
    assert len(names(visit.get("/productos?categoria=Enorme&precio_min=30"))) == 6
    assert visit.get(f"/productos/{numbers[0]}").heading == "Grande 00"
    visit.add_to_cart(numbers[3], 2)
    assert "$26.00 MXN" in visit.text
    assert "Enorme" in visit.get("/productos").text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("orden=nonsense", "No conocemos el orden «nonsense»; usamos el de siempre."),
        ("pagina=x", "No entendimos la página «x»; esta es la primera."),
        ("pagina=0", "No entendimos la página «0»; esta es la primera."),
    ],
)
def test_a_value_that_nobody_understands_is_told(stocked: PlainShop, query: str, told: str) -> None:
    visit = stocked.visit().get(f"/productos?{query}")
    assert told in visit.text
    assert len(names(visit)) == 4
    assert "No conocemos" not in stocked.visit().get("/productos?orden=relevancia&pagina=1").text


def test_one_product_needs_no_order(plain: PlainShop) -> None:
    plain.a_producto("Taza")
    assert 'name="orden"' not in plain.visit().get("/productos").text
    plain.a_producto("Gorro")
    assert 'name="orden"' in plain.visit().get("/productos").text
    assert 'name="orden"' in plain.visit().get("/productos?q=taza").text


def test_what_is_not_there_can_be_searched(plain: PlainShop) -> None:
    visit = plain.visit().get("/en/nada")
    assert visit.status == 404
    assert 'action="/en/productos"' in visit.text.split("<main")[1].split("</main>")[0]


def test_the_age_of_the_catalogue_stands_above_the_heading(
    stocked: PlainShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = stocked.visit().get("/").add_to_cart(1)
    stocked.adapter.down.add(PRODUCTOS)
    now = time.monotonic
    monkeypatch.setattr("storefront.copies.time.monotonic", lambda: now() + 240)
    for path in ("/", "/productos", "/productos/1", "/carrito"):
        text = visit.get(path).text
        assert text.index("Precios y existencias de hace") < text.index("<h1"), path


def test_a_page_describes_itself_to_those_who_link_to_it(real: RealShop) -> None:
    number = real.a_producto(nombre='Taza "rara"', descripcion="Para el té")
    text = real.visit().get(f"/productos/{number}").text
    for name, content in (
        ("title", "Taza &#34;rara&#34;"),
        ("description", "Para el té"),
        ("url", f"http://localhost/productos/{number}-taza-rara"),
        ("site_name", "Pingüi"),
    ):
        assert f'<meta property="og:{name}" content="{content}">' in text
    assert "og:image" not in text
