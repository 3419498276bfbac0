"""What the shop does about services that are slow, sick or talk nonsense, and how it learns what they can do."""

import gzip
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask, jsonify

from storefront.abilities import read_abilities
from storefront.app import close_app
from storefront.circuit import FAILURES_TO_OPEN, Circuit, CircuitOpenError
from storefront.service import RefusedError, Service, UnavailableError
from storefront.services import Pedidos
from tests.plain_services.apps import KEY
from tests.storefront.conftest import PEDIDOS, PRODUCTOS, USUARIOS, PlainShop, Visit, a_storefront
from tests.storefront.odd_server import Talk, listening
from tests.storefront.wsgi_transport import WsgiAdapter


@contextmanager
def a_server(talk: Talk) -> Iterator[str]:
    """The address of a server on loopback that does with each request what `talk` does."""

    def answer(connection: socket.socket) -> None:
        # Whole, with its body: a connection that is closed over unread bytes is reset, and its answer lost.
        with connection.makefile("rb") as sent:
            length = 0
            while (line := sent.readline()).strip():
                name, _, text = line.partition(b":")
                length = int(text) if name.lower() == b"content-length" else length
            sent.read(length)
        talk(connection)

    with listening(answer, 5) as port:
        yield f"http://127.0.0.1:{port}"


def says(head: str, body: bytes = b"") -> Talk:
    return lambda connection: connection.sendall(head.encode() + b"\r\n\r\n" + body)


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n")
    for _ in range(50):
        connection.sendall(b"[")
        time.sleep(0.1)


BOMB = gzip.compress(b"0" * 20_000_000)


@pytest.mark.parametrize(
    "talk",
    [
        drip,
        lambda connection: time.sleep(2),
        says("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0"),
        says("HTTP/1.1 200 OK\r\nContent-Length: 100", b"[]"),
        says(f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(BOMB)}", BOMB),
        says("HTTP/1.1 500 Oops\r\nContent-Length: 0"),
        says("nonsense"),
        says("HTTP/1.1 200 OK\r\nConnection: close", b"x" * 2_000_000),
    ],
    ids=["drip", "silence", "redirect", "truncated", "bomb", "500", "no-http", "too-much"],
)
def test_an_answer_that_is_none_ends_within_its_time(talk: Talk) -> None:
    with a_server(talk) as address:
        service = Service("productos", address, None)
        begin = time.monotonic()
        with pytest.raises(UnavailableError) as problem:
            service.call("GET", "/productos", seconds=0.6)
        assert time.monotonic() - begin < 1.2
        assert problem.value.sent
        service.close()


def test_what_refuses_connections_was_never_asked() -> None:
    service = Service("productos", "http://127.0.0.1:9", None)
    with pytest.raises(UnavailableError) as problem:
        service.call("GET", "/productos")
    assert not problem.value.sent
    service.close()


def test_a_503_is_the_word_of_a_service_that_lives() -> None:
    body = b'{"error":"no","codigo":"ocupado"}'
    with a_server(
        says(f"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nConnection: close\r\nContent-Length: {len(body)}", body)
    ) as address:
        service = Service("pedidos", address, None)
        for _ in range(FAILURES_TO_OPEN + 1):
            with pytest.raises(RefusedError) as refusal:
                service.call("POST", "/pedidos", body={})
            assert (refusal.value.status, refusal.value.codigo, refusal.value.retry_after) == (
                503,
                "ocupado",
                7,
            )
        assert service.circuit.state == "closed"
        service.close()


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "{}",
        '"x"',
        "[1, null, {}]",
        '[{"id": "1"}]',
        '[{"id": 1, "nombre": 5, "precio": "gratis"}]',
        "NaN",
        "<html>",
    ],
)
def test_nonsense_in_place_of_products_is_never_a_500(tmp_path: Path, plain: PlainShop, body: str) -> None:
    nonsense = Flask("nonsense")
    nonsense.add_url_rule("/productos", view_func=lambda: (body, 200, {"Content-Type": "application/json"}))
    plain.adapter.apps = {**plain.adapter.apps, PRODUCTOS: nonsense}
    visit = plain.visit()
    for path in ("/", "/productos?q=a", "/productos/1"):
        assert visit.get(path).status in (200, 404, 503)


def test_five_failures_open_the_circuit_and_one_call_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = Circuit(places=2)
    now = [100.0]
    monkeypatch.setattr("storefront.circuit.time.monotonic", lambda: now[0])
    for _ in range(FAILURES_TO_OPEN):
        with circuit.call():
            circuit.failed()
    with pytest.raises(CircuitOpenError), circuit.call():
        pass
    now[0] += 5
    with circuit.call():
        with pytest.raises(CircuitOpenError), circuit.call():
            pass
        circuit.succeeded()
    with circuit.call():
        assert circuit.state == "closed"


def test_no_more_calls_wait_than_there_are_places() -> None:
    circuit = Circuit(places=2)
    with circuit.call(), circuit.call(), pytest.raises(CircuitOpenError), circuit.call():
        pass
    with circuit.call():
        pass


def test_abilities_are_read_whatever_names_the_document_uses() -> None:
    document = {
        "paths": {
            "/productos/{producto_id}": {"patch": {"parameters": [{"$ref": "#/components/parameters/If"}]}},
            "/productos": {
                "parameters": [{"name": "q", "in": "query"}],
                "post": {
                    "requestBody": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/P"}}}
                    }
                },
            },
        },
        "components": {
            "parameters": {"If": {"name": "If-Match", "in": "header"}},
            "schemas": {"P": {"properties": {"stock": {}}}},
        },
    }
    abilities = read_abilities(document)
    assert abilities.can("PATCH /productos/{}", "If-Match")
    assert abilities.can("POST /productos", "q")
    assert abilities.takes("POST /productos", "stock")
    assert not abilities.can("DELETE /productos/{}")


@pytest.mark.parametrize(
    "document", [None, [], {"paths": []}, {"paths": {"/a": 1}}, {"paths": {"/a": {"get": 2}}}]
)
def test_a_document_of_nonsense_promises_nothing(document: object) -> None:
    assert read_abilities(document).parameters == {}


def test_a_sick_service_is_not_asked_ever_more_often() -> None:
    """P11: a hundred purchases that are refused make a fifth more calls, none of them more than three."""
    sick = Flask("pedidos")
    key = {"in": "header", "name": "Idempotency-Key"}
    document = {"openapi": "3.1.0", "paths": {"/pedidos": {"post": {"parameters": [key]}}}}
    sick.add_url_rule("/openapi.json", view_func=lambda: jsonify(document))
    sick.add_url_rule(
        "/pedidos", "place", lambda: (jsonify(error="x"), 503, {"Retry-After": "1"}), methods=["POST"]
    )
    adapter = WsgiAdapter({PEDIDOS: sick})
    pedidos = Pedidos(Service("pedidos", f"http://127.0.0.1:{PEDIDOS}", adapter))

    def buy(number: int) -> None:
        with pytest.raises(RefusedError) as refusal:
            pedidos.crear("token", 1, 1, 1, key=f"k{number}", compra_id="c")
        assert refusal.value.status == 503

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(buy, range(100)))
    pedidos.service.close()
    keys = Counter(headers["Idempotency-Key"] for headers in adapter.headers if "Idempotency-Key" in headers)
    assert len(keys) == 100
    assert 100 < keys.total() <= 100 * 1.1 + 10
    assert max(keys.values()) <= 3


def test_towards_a_service_without_keys_no_key_is_sent(plain: PlainShop) -> None:
    visit = (
        plain.visit()
        .add_to_cart(plain.a_producto())
        .register()
        .get("/pagar/revisar")
        .send("/pagar/confirmar")
    )
    assert visit.status == 200
    posted = [
        one
        for one, call in zip(plain.adapter.headers, plain.adapter.calls, strict=True)
        if call == ("POST", "/pedidos")
    ]
    assert len(posted) == 1
    assert "Idempotency-Key" not in posted[0]


def test_the_visitors_address_goes_to_the_accounts_only(plain: PlainShop) -> None:
    plain.visit().register()
    told = {path for (_method, path), headers in zip(plain.adapter.calls, plain.adapter.headers, strict=True)
            if "X-Forwarded-For" in headers}  # fmt: skip
    assert told == {"/registro", "/login"}


def test_a_reader_that_is_an_administrator_is_not_used(plain: PlainShop) -> None:
    import jwt

    admin = Flask("admin")
    claims = {"usuario_id": 1, "nombre": "x", "exp": time.time() + 600, "rol": "administrador"}
    admin.add_url_rule(
        "/login", methods=["POST"], view_func=lambda: jsonify(token=jwt.encode(claims, KEY, "HS256"))
    )
    plain.adapter.apps = {**plain.adapter.apps, USUARIOS: admin}
    assert plain.visit().get("/productos").status == 503


def test_without_a_reader_account_the_owner_comes_first(tmp_path: Path, plain: PlainShop) -> None:
    app = a_storefront(
        tmp_path / "..", plain.adapter, reader_email="", reader_password="", database=tmp_path / "own.db"
    )
    visit = Visit(app.test_client()).get("/")
    assert visit.heading == "Esta tienda está recién instalada"
    assert ("POST", "/registro") not in plain.adapter.calls
    visit.get("/registro").send(
        "/registro", nombre="Dueña", email="duena@ejemplo.com", password="contraseña 1"
    )
    assert visit.get("/").heading == "Cosas buenas para días fríos"
    close_app(app)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "told"),
    [
        (frozenset(), "203.0.113.9", "127.0.0.1"),
        (frozenset({"127.0.0.1"}), "203.0.113.9", "203.0.113.9"),
        (frozenset({"127.0.0.1"}), "10.0.0.1, 203.0.113.9", "203.0.113.9"),
        (frozenset({"127.0.0.1"}), "evil", "127.0.0.1"),
        (frozenset({"127.0.0.1"}), "", "127.0.0.1"),
    ],
)
def test_a_visitor_is_named_by_our_proxy_only(
    plain: PlainShop, proxies: frozenset[str], forwarded: str, told: str
) -> None:
    plain.app.config["PROXIES"] = proxies
    plain.app.test_client().post(
        "/entrar",
        data={"email": "ana@ejemplo.com", "password": "contraseña 1"},
        headers={"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": forwarded},
    )
    assert plain.adapter.headers[-1]["X-Forwarded-For"] == told
