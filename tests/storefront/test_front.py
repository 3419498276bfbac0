"""Pages kept for strangers: the same bytes, nobody's but strangers', and gone with the next write."""

import time

import pytest

from storefront.copies import RENEW_SECONDS
from tests.storefront.conftest import PlainShop


def test_a_stranger_gets_the_same_page_without_the_catalogue_being_asked(
    plain: PlainShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain.a_producto("Taza")
    now = time.monotonic()
    monkeypatch.setattr("storefront.front.time.monotonic", lambda: now)
    client = plain.app.test_client()
    first = client.get("/productos")
    plain.adapter.calls.clear()
    again = client.get("/productos")
    assert again.get_data() == first.get_data()
    assert plain.adapter.calls == []
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert {name for name, _value in again.headers} == {name for name, _value in first.headers}


def test_who_has_a_cookie_gets_a_page_of_their_own(plain: PlainShop) -> None:
    taza = plain.a_producto("Taza")
    client = plain.app.test_client()
    client.get("/productos")
    member = plain.visit().register().add_to_cart(taza).get("/productos")
    assert "Mis pedidos" in member.text
    assert "Mis pedidos" not in client.get("/productos").get_data(as_text=True)
    dark = plain.app.test_client()
    dark.set_cookie("tema", "oscura")
    assert 'data-theme="oscura"' in dark.get("/productos").get_data(as_text=True)


def test_languages_hosts_and_encodings_are_kept_apart(plain: PlainShop) -> None:
    plain.a_producto("Taza")
    client = plain.app.test_client()
    for _ in range(2):
        assert 'lang="es-MX"' in client.get("/productos").get_data(as_text=True)
        assert 'lang="en"' in client.get("/en/productos").get_data(as_text=True)
        assert client.get("/productos", headers={"Accept-Encoding": "br"}).content_encoding == "br"
        assert client.get("/productos").content_encoding is None
        assert client.get("/productos", headers={"Host": "evil.example"}).status_code == 400
        assert client.get("/productos?precio_min=x").status_code == 200


def test_a_write_of_this_shop_is_seen_at_once_and_others_soon(plain: PlainShop) -> None:
    client = plain.app.test_client()
    assert "Gorro" not in client.get("/productos").get_data(as_text=True)
    plain.visit().register().post(
        "/admin/productos/nuevo", {"nombre": "Gorro", "precio": "10", "clave": "una"}
    )
    assert "Gorro" in client.get("/productos").get_data(as_text=True)
    plain.services["productos"].extensions["run"]("UPDATE productos SET nombre = 'Parka'")
    deadline = time.monotonic() + 4 * RENEW_SECONDS
    while "Parka" not in client.get("/productos").get_data(as_text=True):
        assert time.monotonic() < deadline
