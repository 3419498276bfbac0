"""What must hold in a browser (reliability.md P35 to P46 and the W table)."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from storefront.app import close_app
from storefront.security import HEADERS, own_address
from tests.plain_services.apps import KEY
from tests.storefront.conftest import SAME_SITE, PlainShop, Visit, a_storefront

OWN = {"Origin": "http://localhost"}


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "nonsense"}, False),
        ({"Sec-Fetch-Site": "cross-site", **OWN}, False),
        (OWN, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "https://localhost"}, False),
        ({"Origin": "http://localhost:81"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("path", ["/pagar/confirmar", "/salir", "/carrito/lineas", "/apariencia", "/entrar"])
def test_a_write_from_another_site_is_refused(
    plain: PlainShop, path: str, headers: dict[str, str], allowed: bool
) -> None:
    visit = plain.visit().register()
    answer = visit.client.post(path, data={"producto": "1"}, headers=headers)
    assert (answer.status_code == 403) is not allowed
    assert plain.orders() == []


def test_without_any_header_a_guest_may_write(plain: PlainShop) -> None:
    taza = plain.a_producto()
    assert plain.app.test_client().post("/carrito/lineas", data={"producto": taza}).status_code == 303


@pytest.mark.parametrize(
    "path", ["/salir", "/pagar/confirmar", "/carrito/lineas", "/carrito/deshacer", "/apariencia"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_what_writes_is_never_read(plain: PlainShop, path: str, method: str) -> None:
    answer = plain.visit().register().client.open(path, method=method, headers=SAME_SITE)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "a@localhost", "127.0.0.1.evil"])
def test_another_host_is_refused(plain: PlainShop, host: str) -> None:
    assert plain.app.test_client().get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    "path", ["/", "/carrito", "/no-existe", "/cuenta", "/salir", "/static/app.css", "/health", "/estado"]
)
def test_every_answer_has_the_headers(plain: PlainShop, path: str) -> None:
    answer = plain.app.test_client().get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "value",
    [
        "https://evil.example", "//evil.example", "///evil.example", "/\\evil.example", "\\evil.example",
        "/%09/evil.example", "/.//evil.example", "/@evil.example", "/%2f%2fevil.example", "javascript:alert(1)",
        "http:/evil.example", "/\t/evil.example", "/\n/evil.example", "/carrito\r\nSet-Cookie: a=b", "evil", "",
        "//evil.example/carrito", "///evil.example/carrito", "/en//evil.example/carrito", "/%2f/evil.example/carrito",
        "/en//evil.example", "/no-existe", "/salir", "/carrito/../..//evil.example", "https:evil.example",
    ],
)  # fmt: skip
def test_after_signing_in_nobody_is_sent_elsewhere(plain: PlainShop, value: str) -> None:
    answer = plain.visit().post("/registro", {
        "nombre": "Ana", "email": "ana@ejemplo.com", "password": "contraseña 1", "siguiente": value,
    }, follow=False).page  # fmt: skip
    assert answer is not None
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    "value", ["/carrito", "/productos?q=taza&orden=nombre", "/en/pedidos", "/pedidos/12"]
)
def test_a_page_of_ours_is_followed(plain: PlainShop, value: str) -> None:
    with plain.app.test_request_context("/"):
        assert own_address(value, "/") == value


def _session_cookie(visit: Visit) -> str:
    cookie = visit.client.get_cookie("sesion")
    return cookie.value if cookie else ""


def test_a_copied_cookie_is_worth_nothing_after_signing_out(plain: PlainShop) -> None:
    visit = plain.visit().register()
    stolen = _session_cookie(visit)
    answer = visit.post("/salir", follow=False).page
    assert answer is not None
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    thief = plain.visit()
    thief.client.set_cookie("sesion", stolen)
    for path in ("/cuenta", "/pedidos", "/pagar/revisar", "/admin/productos"):
        page = thief.client.get(path)
        assert (page.status_code, page.headers["Location"].split("?")[0]) == (303, "/entrar")


def test_signing_in_again_ends_the_session_before(plain: PlainShop) -> None:
    visit = plain.visit().register()
    before = _session_cookie(visit)
    visit.client.post(
        "/entrar", data={"email": "ana@ejemplo.com", "password": "contraseña 1"}, headers=SAME_SITE
    )
    assert _session_cookie(visit) != before
    old = plain.visit()
    old.client.set_cookie("sesion", before)
    assert old.client.get("/cuenta").status_code == 303


@pytest.mark.parametrize(
    "value",
    ["", "x", "a.b.c", "x" * 10_000, "eyJhIjoxfQ==.x.y", '{"__class__": "os.system"}', "~~~~", "%00", "á"],
)
@pytest.mark.parametrize("name", ["sesion", "carrito", "avisos", "tema"])
def test_a_forged_cookie_is_no_cookie(plain: PlainShop, name: str, value: str) -> None:
    visit = plain.visit()
    forged = f"{name}={value}".encode().decode("latin-1")
    assert visit.get("/carrito", Cookie=forged).heading == "Tu carrito está vacío"
    assert visit.client.get("/cuenta", headers={"Cookie": forged}).status_code == 303


def test_cookies_fit_and_are_closed_to_scripts(plain: PlainShop) -> None:
    numbers = [plain.a_producto(f"Taza {number}", 9_999_999.99) for number in range(50)]
    visit = plain.visit()
    visit.register(nombre="🐧" * 120, email=f"{'á' * 60}@{'b' * 180}.com")
    for number in numbers:
        visit.client.post("/carrito/lineas", data={"producto": number, "cantidad": 9999}, headers=SAME_SITE)
    for name in ("sesion", "carrito"):
        cookie = visit.client.get_cookie(name)
        assert cookie is not None
        assert len(f"{name}={cookie.value}") <= 4096
        assert (cookie.http_only, cookie.same_site, cookie.path) == (True, "Lax", "/")
    assert visit.get("/carrito").heading == "Tu carrito (499950 artículos)"


def test_a_session_ends_with_its_token_and_the_cart_outlives_it(plain: PlainShop) -> None:
    taza = plain.a_producto()
    visit = plain.visit().register().add_to_cart(taza)
    token = jwt.encode({"usuario_id": 9, "nombre": "Ana", "exp": time.time() + 5}, KEY, "HS256")
    with plain.app.test_request_context("/"):
        from storefront.cookies import signer

        visit.client.set_cookie("sesion", signer("sesion").sign(f"sid~{token}").decode())
    visit.get("/pedidos")
    assert visit.path == "/entrar?siguiente=%2Fpedidos"
    assert "Tu sesión terminó" in visit.text
    visit.send("/entrar", email="ana@ejemplo.com", password="contraseña 1")
    assert visit.path == "/pedidos"
    assert "1 artículo" in visit.text


def test_htmx_is_told_to_leave_the_page_when_the_session_is_over(plain: PlainShop) -> None:
    for headers in ({"HX-Request": "true"}, {"HX-History-Restore-Request": "true"}):
        answer = plain.app.test_client().get("/pedidos?estado=enviado", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["HX-Redirect"] == "/entrar?siguiente=%2Fpedidos%3Festado%3Denviado"


@pytest.mark.parametrize("path", ["/", "/productos?q=a", "/carrito", "/entrar"])
def test_a_request_of_htmx_gets_the_same_whole_page(plain: PlainShop, path: str) -> None:
    plain.a_producto()
    client = plain.app.test_client()
    assert client.get(path).get_data() == client.get(path, headers={"HX-Request": "true"}).get_data()


VECTORS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{7*7}}", "${7*7}", "javascript:alert(1)",
    '"><svg onload=alert(1)>', "<div data-hx-get=/salir data-hx-trigger=load>", "</script><script>alert(1)</script>",
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS)
def test_the_text_of_a_product_is_always_text(plain: PlainShop, vector: str) -> None:
    number = plain.a_producto(vector, 10.0, vector)
    visit = plain.visit()
    for path in ("/", "/productos?q=a", f"/productos/{number}"):
        visit.get(path)
        for tag in ("<script>alert", "<img src=x", "<svg onload", "<div data-hx-get=/salir", ">49<", "$49"):
            assert tag not in visit.text
    visit.add_to_cart(number)
    assert "<script>alert" not in visit.text


def test_the_store_keeps_nothing_readable_of_the_shop(plain: PlainShop) -> None:
    visit = plain.visit().register(nombre="Canaria", password="canary-password")
    visit.get("/cuenta")
    token = _session_cookie(visit).split("~")[1].rsplit(".", 1)[0]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["nombre"] == "Canaria"
    store = plain.app.extensions["pingui.store"]
    assert store._rows("SELECT * FROM ended_sessions") == []


def test_errors_show_a_number_and_nothing_else(plain: PlainShop, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = plain.app.extensions["pingui.shop"].shelf
    monkeypatch.setattr(shelf, "find", lambda *_arguments: 1 / 0)
    answer = plain.app.test_client().get("/productos")
    assert answer.status_code == 500
    text = answer.get_data(as_text=True)
    assert "ZeroDivision" not in text
    assert "Traceback" not in text
    assert answer.headers["X-Request-Id"][:8] in text


@pytest.mark.parametrize(
    "path", ["/.env", "/..%2f.env", "/.git/config", "/static/../app.py", "/console", "/?__debugger__=yes"]
)
def test_nothing_of_the_program_is_shown(plain: PlainShop, path: str) -> None:
    answer = plain.app.test_client().get(path)
    assert answer.status_code == (200 if path.startswith("/?") else 404)
    assert "SECRET" not in answer.get_data(as_text=True)


def test_a_large_form_is_refused(plain: PlainShop) -> None:
    answer = plain.app.test_client().post("/entrar", data={"email": "x" * 200_000}, headers=SAME_SITE)
    assert answer.status_code == 413


def test_a_trace_is_carried_on_and_a_bad_one_is_not(plain: PlainShop) -> None:
    plain.a_producto()
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = plain.app.test_client().get("/", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert answer.headers["X-Request-Id"] == trace
    assert any(trace in one.get("traceparent", "") for one in plain.adapter.headers)
    for bad in (f"00-{trace.upper()}-b7ad6b7169203331-01", f"00-{'0' * 32}-b7ad6b7169203331-01", "x" * 1000):
        assert (
            plain.app.test_client().get("/", headers={"traceparent": bad}).headers["X-Request-Id"] not in bad
        )


def test_off_loopback_cookies_are_bound_to_https_and_the_host(tmp_path: Path, plain: PlainShop) -> None:
    app = a_storefront(
        tmp_path / "..", plain.adapter, hosts=frozenset({"tienda.example"}), database=tmp_path / "s.db"
    )
    client, there = app.test_client(), {"Host": "tienda.example"}
    form = {"nombre": "Ana", "email": "ana@ejemplo.com", "password": "contraseña 1"}
    assert (
        client.post("/registro", data=form, headers={**there, "Origin": "http://tienda.example"}).status_code
        == 403
    )
    answer = client.post("/registro", data=form, headers={**there, "Origin": "https://tienda.example"})
    assert answer.status_code == 303
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=63072000")
    cookies = answer.headers.getlist("Set-Cookie")
    assert cookies
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
    close_app(app)


def test_the_patterns_are_shown_while_the_shop_is_made_only(tmp_path: Path, plain: PlainShop) -> None:
    app = a_storefront(tmp_path / "..", plain.adapter, debug=True, database=tmp_path / "s.db")
    assert app.test_client().get("/admin/estilos").status_code == 200
    assert plain.app.test_client().get("/admin/estilos").status_code == 404
    close_app(app)


def test_rules_to_fetch_ahead_name_public_pages_only(plain: PlainShop) -> None:
    plain.a_producto()
    client = plain.app.test_client()
    address = client.get("/productos").headers["Speculation-Rules"].strip('"')
    answer = client.get(address)
    assert answer.content_type == "application/speculationrules+json"
    named = json.loads(answer.get_data())["prefetch"][0]["where"]["href_matches"]
    assert all("/productos" in one for one in named)
