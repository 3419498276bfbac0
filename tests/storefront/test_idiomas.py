"""Two languages: Spanish without prefix, English under /en/, and nothing of one in the other."""

import re

import pytest
from babel.messages.pofile import read_po

from storefront.i18n import CATALOGUE
from tests.storefront.conftest import PlainShop
from tests.storefront.messages import messages

PLACES = re.compile(r"%\((\w+)\)s")


def test_the_english_catalogue_is_complete_and_keeps_the_places_of_each_text() -> None:
    with CATALOGUE.open("rb") as file:
        english = {message.id: message.string for message in read_po(file, locale="en") if message.id}
    wanted = messages()
    assert len(wanted) > 300
    assert [one for one in wanted if one not in english] == []
    assert [one for one in english if one not in wanted] == []
    for spanish, translated in english.items():
        source = spanish if isinstance(spanish, str) else spanish[-1]
        for text in [translated] if isinstance(translated, str) else translated or [""]:
            assert text, spanish
            assert set(PLACES.findall(text)) == set(PLACES.findall(source)), spanish


@pytest.mark.parametrize("path", ["/", "/productos?q=taza", "/carrito", "/entrar", "/estado", "/no-existe"])
def test_every_page_has_its_language_and_links_to_the_other(plain: PlainShop, path: str) -> None:
    plain.a_producto()
    spanish, english = plain.visit().get(path), plain.visit().get(f"/en{path}")
    assert '<html lang="es-MX"' in spanish.text
    assert '<html lang="en"' in english.text
    assert f'hreflang="en" href="http://localhost/en{path}"' in spanish.text.replace("&amp;", "&")
    assert f'hreflang="es" href="http://localhost{path}"' in english.text.replace("&amp;", "&")


def test_links_forms_money_and_errors_stay_in_english(plain: PlainShop) -> None:
    taza = plain.a_producto("Taza", 1299.9)
    visit = plain.visit().get(f"/en/productos/{taza}")
    assert "MX$1,299.90" in visit.text
    visit.send("/carrito/lineas", cantidad="1")
    assert visit.heading == "Your cart (1 item)"
    assert visit.path == "/en/carrito"
    assert 'href="/en/pagar"' in visit.text
    visit.get("/en/pagar").send("/registro", nombre="", email="mal", password="corta")
    assert visit.status == 422
    assert "Enter an email like name@example.com" in visit.text
    assert "<title>Error: Who is buying? — Pingüi</title>" in visit.text


def test_english_is_one_address_only(plain: PlainShop) -> None:
    answer = plain.app.test_client().get("/en")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/en/")
