"""The HTTP layer of every service: hosts, methods, sizes, slowness, one error shape, no CORS, its description offline.

Contract.md section 2; reliability.md table H, P42, P43, P46.
"""

import itertools
import json
import re
import socket
import statistics
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import quote

import pytest
import requests

from services.common.tokens import Tokens
from tests.api.wire import JSON, answer_on, connection, exchange, request
from tests.shop import FILES, SECRET, Service, Shop

LABELS = {"usuarios": "user_service", "productos": "product_service", "pedidos": "pedido_service"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "BREW")
HALF_OF_THREADS = 32


@pytest.fixture(params=FILES)
def service(shop: Shop, request: pytest.FixtureRequest) -> Service:
    found: Service = getattr(shop, request.param)
    return found


def operations(service: Service) -> Iterator[tuple[str, str, dict[str, Any], set[str]]]:
    """Each declared call: method, a real path, its declaration, and every method declared for that path."""
    examples = {"hash": "0" * 64, "ancho": "320", "formato": "webp"}
    for template, declared in service.get("/openapi.json").json()["paths"].items():
        path = template
        for name in re.findall(r"{(\w+)}", template):
            (kind,) = {
                parameter["schema"].get("format", parameter["schema"].get("type"))
                for operation in declared.values()
                for parameter in operation["parameters"]
                if parameter["name"] == name
            }
            example = {"uuid": str(uuid.uuid4()), "integer": "987654321"}.get(kind, examples.get(name, "x"))
            path = path.replace(f"{{{name}}}", example)
        for method, operation in declared.items():
            yield method.upper(), path, operation, {name.upper() for name in declared}


def token_for(shop: Shop, operation: dict[str, Any]) -> str | None:
    if not operation.get("security"):
        return None
    return Tokens(SECRET).credential() if "servicio" in operation["security"][0] else shop.admin.token


def assert_error(answer: requests.Response, status: int) -> None:
    assert answer.status_code == status, (answer.request.method, answer.request.url, answer.text)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if answer.request.method != "HEAD":
        body = answer.json()
        assert next(iter(body)) == "error"
        assert set(body) <= {"error", "codigo", "detalles"}
        assert re.search("[a-záéíóú] ", body["error"] + " ")


# --- health --------------------------------------------------------------------------------------------------------


def test_health_says_the_frozen_members_and_nothing_of_the_machine(shop: Shop, service: Service) -> None:
    answer = service.get("/health")
    said = f'{{"status":"healthy","service":"{LABELS[service.name]}","database":"{shop.backend}"}}'
    assert (answer.status_code, answer.text) == (200, said)
    assert answer.headers["Content-Type"] == "application/json"
    assert service.get("/ready").status_code == 200
    head = service.request("HEAD", "/health")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(said)))


# --- one error shape, the order of checks ----------------------------------------------------------------------------


def test_a_method_that_is_not_there_answers_405_with_those_that_are(service: Service) -> None:
    for _, path, _, declared in operations(service):
        allowed = declared | ({"HEAD"} if "GET" in declared else set())
        for method in METHODS:
            if method not in allowed:
                for headers in ({}, {"Authorization": "Bearer x"}, {"X-HTTP-Method-Override": min(declared)}):
                    answer = service.request(method, path, headers=headers)
                    assert_error(answer, 405)
                    assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("method", METHODS)
def test_a_path_that_is_not_there_answers_404_whatever_the_method(service: Service, method: str) -> None:
    for path in (
        "/",
        "/nada",
        "/health/",
        "/login/x",
        "/HEALTH",
        "/health.json",
        "/robots.txt",
        "/favicon.ico",
    ):
        assert_error(service.request(method, path), 404)


@pytest.mark.parametrize(
    "path",
    [
        "/..%2f.env", "/../.env", "/%2e%2e/.env", "/.env", "/.git/config", "/static/../app.py", "/static/x", "/docs/x",
        "/docs.css/..", "/health%00", "/health%0a", "/%ff", "/%c0%ae%c0%ae/", "/health;x", "/a" * 1000, "/metrics/..",
        "/health%2f", "/%2fhealth%2f..", "/server-status", "/console", "/usuarios.db", "/openapi.json/..",
    ],
)  # fmt: skip
def test_nothing_lies_about_behind_odd_paths(service: Service, path: str) -> None:
    answer = exchange(service, request(f"GET {path}"))
    assert answer.status == 404
    assert set(answer.json()) == {"error"}


def test_ids_in_paths_are_digits_without_a_leading_zero(shop: Shop) -> None:
    odd = [
        "-1", "01", "00", "+1", "1.0", "1e1", "0x1", "１", "٣", "%20", "1%20", "9" * 20, "9" * 3000, "1/", "abc", "1,2",
        "%", "null", str(2**63), str(-(2**63)), "1%00", "1%0a", "",
    ]  # fmt: skip
    for path, service in (
        ("/productos/", shop.productos),
        ("/pedidos/", shop.pedidos),
        ("/pedidos/usuario/", shop.pedidos),
    ):
        if service in shop.services:
            for text in odd:
                assert_error(service.get(path + quote(text, safe="%/,+"), shop.admin.token), 404)


def test_the_token_is_looked_at_before_the_body_and_the_body_is_not_waited_for(service: Service) -> None:
    for method, path, operation, _ in operations(service):
        if operation.get("security"):
            for content in (JSON, "Content-Type: text/plain\r\n", ""):
                for length in (1_000, 10_000_000):
                    headers = f"{content}Content-Length: {length}\r\n"
                    started = time.monotonic()
                    answer = exchange(service, request(f"{method} {path}", headers))
                    assert answer.status == 401, (method, path)
                    assert answer.json() == {"error": "Token inválido"}
                    assert answer.headers["www-authenticate"] == "Bearer"
                    assert time.monotonic() - started < 2


def with_body(shop: Shop, service: Service) -> Iterator[tuple[str, str, str]]:
    """The calls that take JSON, and a header line with the right token."""
    for method, path, operation, _ in operations(service):
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            token = token_for(shop, operation)
            yield method, path, f"Authorization: Bearer {token}\r\n" if token else ""


def test_size_is_looked_at_before_type_and_type_before_content(shop: Shop, service: Service) -> None:
    for method, path, token in with_body(shop, service):
        line = f"{method} {path}"
        text = "Content-Type: text/plain\r\n"
        for content, length, status in (
            (text, 65_537, 413), (JSON, 65_537, 413), ("", 65_537, 413), (text, 1_000, 415), ("", 2, 415),
        ):  # fmt: skip
            headers = f"{token}{content}Content-Length: {length}\r\n"
            answer = exchange(service, request(line, headers))  # without waiting for the body
            assert (answer.status, set(answer.json())) == (status, {"error"}), (line, headers)
        started = time.monotonic()
        big = exchange(service, request(line, f"{token}{JSON}Content-Length: 1000000\r\n", b" " * 1_000_000))
        assert big.status in (413, 0)
        assert time.monotonic() - started < 1
        for body in (b"{", b"[]", b"", b'{"a":1,"a":1}'):
            headers = f"{token}{JSON}Content-Length: {len(body)}\r\n"
            assert exchange(service, request(line, headers, body)).status == 400


def test_a_body_may_have_64_kilobytes_and_no_more_however_it_is_sent(shop: Shop) -> None:
    def of(size: int) -> bytes:
        start = b'{"email":"a@b.c","password":"x","relleno":"'
        return start + b"a" * (size - len(start) - 2) + b'"}'

    for size, status in ((65_536, 401), (65_537, 413)):
        body = of(size)
        assert len(body) == size
        whole = f"{JSON}Content-Length: {size}\r\n"
        assert exchange(shop.usuarios, request("POST /login", whole, body)).status == status
        chunks = b"".join(
            f"{len(part):x}\r\n".encode() + part + b"\r\n"
            for part in (body[at : at + 5_000] for at in range(0, size, 5_000))
        )
        chunked = f"{JSON}Transfer-Encoding: chunked\r\n"
        assert (
            exchange(shop.usuarios, request("POST /login", chunked, chunks + b"0\r\n\r\n")).status == status
        )


def test_a_body_that_does_not_end_is_refused_once_it_is_too_long(shop: Shop) -> None:
    part = b'{"relleno":"' + b"a" * 65_536
    chunk = f"{len(part):x}\r\n".encode() + part + b"\r\n"
    started = time.monotonic()
    answer = exchange(shop.usuarios, request("POST /login", f"{JSON}Transfer-Encoding: chunked\r\n", chunk))
    assert (answer.status, set(answer.json())) == (413, {"error"})
    assert time.monotonic() - started < 2


def test_no_answer_invites_another_origin_or_may_be_stored(shop: Shop, service: Service) -> None:
    preflight = {"Origin": "https://malo.test", "Access-Control-Request-Method": "POST"}
    for method, path, operation, _ in operations(service):
        answers = [
            service.request("OPTIONS", path, headers=preflight),
            service.request(method, path, token_for(shop, operation), headers=preflight),
            service.request(method, path, headers=preflight),
        ]
        for answer in answers:
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Cache-Control" in answer.headers
            assert not re.search(r"\d", answer.headers.get("Server", ""))


# --- hosts ---------------------------------------------------------------------------------------------------------

BAD_HOSTS = [
    "", "Host: malo.test\r\n", "Host: \r\n", "Host: 127.0.0.1.malo.test\r\n", "Host: malo.test:80\r\n",
    "Host: a@127.0.0.1\r\n", "Host: 127.0.0.1@malo.test\r\n", "Host: 127.0.0.1/x\r\n", "Host: 127.0.0.1 malo\r\n",
    "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n", "Host: 127.0.0.1\r\nHost: malo.test\r\n",
    "Host: malo.test\r\nHost: 127.0.0.1\r\n", "Host: 127.0.0.1,malo.test\r\n", "Host: [::2]\r\n", "Host: 127.0.0.1:x\r\n",
    "Host: 0.0.0.0\r\n", "Host: \xff\r\n",
]  # fmt: skip


def test_what_lies_ready_is_answered_as_flask_answers_it(shop: Shop) -> None:
    """A query that nobody knows changes nothing but who answers; the answers must not differ."""
    person = shop.person()
    shop.a_pedido(person, shop.a_producto())
    for service, path in (
        *((service, "/health") for service in shop.services),
        (shop.productos, "/productos"),
        (shop.pedidos, f"/pedidos/usuario/{person.id}"),
    ):
        by_flask = service.get(f"{path}?nobody=knows", person.token)
        for _ in range(2):
            at_once = service.get(path, person.token)
            assert at_once.status_code == by_flask.status_code == 200
            assert at_once.content == by_flask.content
            assert fixed(at_once) == fixed(by_flask)
        if path != "/health":
            assert_error(service.get(path), 401)
        if "ETag" in by_flask.headers:
            etag = {"If-None-Match": by_flask.headers["ETag"]}
            assert service.get(path, person.token, headers=etag).status_code == 304


def fixed(answer: requests.Response) -> dict[str, str]:
    """The headers but those that differ with every answer."""
    return {
        name.lower(): text
        for name, text in answer.headers.items()
        if name.lower() not in ("date", "x-request-id")
    }


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_strange_host_is_refused(service: Service, host: str) -> None:
    answer = exchange(service, request("GET /health", host=host))
    assert answer.status == 400
    if answer.body:
        assert set(answer.json()) == {"error"}
    posted = exchange(service, request("POST /login", f"{JSON}Content-Length: 2\r\n", b"{}", host))
    assert posted.status == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:5003", "localhost", "LOCALHOST:80", "[::1]:5000"])
def test_loopbacks_own_names_are_answered(service: Service, host: str) -> None:
    assert exchange(service, request("GET /health", host=f"Host: {host}\r\n")).status == 200


def test_forwarded_headers_change_nothing(shop: Shop, service: Service) -> None:
    lies = {
        "X-Forwarded-Host": "malo.test", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Prefix": "/malo", "X-Forwarded-Port": "1", "Forwarded": "host=malo.test", "X-Original-URL": "/malo",
        "X-Rewrite-URL": "/malo", "X-Script-Name": "/malo", "Script-Name": "/malo",
    }  # fmt: skip
    for method, path, operation, _ in operations(service):
        if method == "GET":
            token = token_for(shop, operation)
            plain, lied = service.get(path, token), service.get(path, token, headers=lies)
            assert (plain.status_code, plain.content) == (lied.status_code, lied.content)
            assert "malo" not in str(lied.headers)


# --- broken and oversized requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "headers", "statuses"),
    [
        ("GET /health", "X-Largo: " + "a" * 7_000 + "\r\n", {200}),
        ("GET /health", "X-Largo: " + "a" * 9_000 + "\r\n", {431}),
        ("GET /health", "X-Largo: " + "a" * 100_000 + "\r\n", {431}),
        ("GET /health", "".join(f"X-{n}: a\r\n" for n in range(90)), {200}),
        ("GET /health", "".join(f"X-{n}: a\r\n" for n in range(120)), {431}),
        ("GET /health", "".join(f"X-{n}: {'a' * 1000}\r\n" for n in range(40)), {431}),
        ("GET /health?" + "a" * 4_000, "", {200}),
        ("GET /health?" + "a" * 5_000, "", {414}),
        ("GET /" + "a" * 5_000, "", {414}),
        ("GET /" + "a" * 100_000, "", {414, 431}),
        ("POST /login", f"{JSON}Content-Length: 2\r\nContent-Length: 3\r\n", {400}),
        ("POST /login", f"{JSON}Content-Length: -1\r\n", {400}),
        ("POST /login", f"{JSON}Content-Length: +2\r\n", {400}),
        ("POST /login", f"{JSON}Content-Length: 2, 2\r\n", {400}),
        ("POST /login", f"{JSON}Content-Length: 99999999999999999999999\r\n", {400}),
        ("POST /login", f"{JSON}Transfer-Encoding: xchunked\r\n", {400}),
        ("POST /login", f"{JSON}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", {400}),
        ("GET /health", "X-Mal : a\r\n", {400}),
        ("GET /health", "X-Mal\x00: a\r\n", {400}),
        ("GET /health", "X-Mal: a\x00b\r\n", {400}),
        ("GET /health", " doblada: a\r\n", {400}),
        ("GET /hea lth", "", {400}),
        ("GET", "", {400}),
        ("\x16\x03\x01\x02", "", {400}),
    ],
    ids=range(24),
)
def test_a_broken_request_is_refused_and_an_oversized_one_too(
    service: Service, line: str, headers: str, statuses: set[int]
) -> None:
    assert exchange(service, request(line, headers)).status in statuses


def test_http_2_is_not_spoken(service: Service) -> None:
    with connection(service) as opened:
        opened.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert opened.recv(100)[:13] in (b"", b"HTTP/1.1 400 ", b"HTTP/1.1 505 ")


def test_a_refused_body_is_never_taken_for_the_next_request(shop: Shop) -> None:
    smuggled = b"POST /registro HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    for headers in ("", "Content-Type: text/plain\r\n"):
        with connection(shop.usuarios, 3) as opened:
            length = f"Content-Length: {len(smuggled)}\r\n"
            opened.sendall(request("PATCH /perfil", headers + length, smuggled))
            assert answer_on(opened).status == 401
            with suppress(ConnectionError):
                opened.sendall(request("GET /health"))
            assert answer_on(opened).status in (0, 200)  # never the 415 of the smuggled call


def test_of_two_lengths_the_chunks_count_and_the_connection_ends(shop: Shop) -> None:
    """The server hides Content-Length where a body comes in chunks, as RFC 9112 wants: nothing after them is a request."""
    body = b'{"email":"a@b.c","password":"x"}'
    chunks = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    for lengths in (
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ):
        with connection(shop.usuarios, 3) as opened:
            opened.sendall(request("POST /login", JSON + lengths, chunks) + request("GET /health"))
            assert answer_on(opened).status in (400, 401)
            assert answer_on(opened).status in (0, 400)


# --- slowness ------------------------------------------------------------------------------------------------------


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def test_slow_headers_are_dropped_within_ten_seconds_and_others_are_served(shop: Shop) -> None:
    """200 sockets at each service send a byte now and then."""
    with ExitStack() as stack:
        slow = [stack.enter_context(connection(service, 1)) for service in shop.services for _ in range(200)]
        started = time.monotonic()
        for opened in slow:
            opened.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
        taken: dict[str, list[float]] = {service.name: [] for service in shop.services}
        dropped: set[int] = set()
        turn = itertools.count()
        while len(dropped) < len(slow) and time.monotonic() - started < 15:
            for service in shop.services:
                before = time.monotonic()
                assert service.get("/health").status_code == 200
                taken[service.name].append(time.monotonic() - before)
            drip = next(turn) % 20 == 0
            for place, opened in enumerate(slow):
                if place not in dropped and is_dropped(opened, drip):
                    dropped.add(place)
        assert len(dropped) == len(slow)
        assert time.monotonic() - started <= 11
        assert all(p95(seconds) < 0.5 for seconds in taken.values())


def is_dropped(opened: socket.socket, drip: bool) -> bool:
    opened.setblocking(False)
    try:
        if drip:
            opened.send(b"a")
        return opened.recv(1000) == b"" or is_dropped(opened, False)
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_slow_bodies_never_hold_more_than_half_of_the_threads(shop: Shop) -> None:
    path, token, body = "POST /login", "", {"email": "a@b.c", "password": "x"}
    slow_headers = f"{token}{JSON}Content-Length: 1000\r\n"
    usuarios = shop.usuarios
    with ExitStack() as stack:
        held = [stack.enter_context(connection(usuarios)) for _ in range(HALF_OF_THREADS + 60)]
        for opened in held:
            opened.sendall(request(path, slow_headers, b'{"email"'))
        taken = []
        for _ in range(20):
            started = time.monotonic()
            assert usuarios.get("/health").status_code == 200
            assert usuarios.get("/perfil", shop.admin.token).status_code == 200
            taken.append(time.monotonic() - started)
        assert p95(taken) < 3  # while those beyond half are being refused
        refused = usuarios.post("/login", json=body)
        assert_error(refused, 503)
        assert refused.headers["Retry-After"] == "1"
        started = time.monotonic()
        assert usuarios.get("/perfil", shop.admin.token).status_code == 200
        assert time.monotonic() - started < 0.5
    deadline = time.monotonic() + 5
    while usuarios.post("/login", json=body).status_code == 503:
        assert time.monotonic() < deadline


# --- its own description ---------------------------------------------------------------------------------------------


def test_the_description_is_openapi_3_1_that_forbids_no_further_members(service: Service) -> None:
    answer = service.get("/openapi.json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    assert '"additionalProperties":false' not in json.dumps(document, separators=(",", ":"))
    for path, declared in document["paths"].items():
        for method, operation in declared.items():
            assert operation["summary"], (method, path)
            assert {"400", "404", "503"} <= set(operation["responses"])
            assert any(status.startswith("2") for status in operation["responses"])


FROZEN = {
    "usuarios": {"post /registro", "post /login", "get /health"},
    "productos": {"get /productos", "post /productos", "get /health"},
    "pedidos": {"post /pedidos", "get /pedidos/usuario/{usuario_id}", "get /health"},
}


def test_every_frozen_call_is_described(service: Service) -> None:
    paths = service.get("/openapi.json").json()["paths"]
    described = {f"{method} {path}" for path, declared in paths.items() for method in declared}
    plain = {re.sub(r"\{\w+\}", "{}", call) for call in described}
    assert {re.sub(r"\{\w+\}", "{}", call) for call in FROZEN[service.name]} <= plain


def test_the_calls_that_may_be_repeated_say_so(shop: Shop) -> None:
    for service, path in ((shop.pedidos, "/pedidos"), (shop.productos, "/productos")):
        operation = service.get("/openapi.json").json()["paths"][path]["post"]
        headers = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"}
        assert "Idempotency-Key" in headers


def test_the_page_of_the_description_needs_no_internet(service: Service) -> None:
    answer = service.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    references = re.findall(r'(?:src|href|action)="([^"]*)"', answer.text)
    assert references
    for reference in references:
        assert re.match(r"#|/(?!/)", reference), reference
        if reference.startswith("/"):
            assert service.get(reference).status_code == 200
    assert "<script" not in answer.text
    for path in service.get("/openapi.json").json()["paths"]:
        assert path in answer.text
    identifiers = set(re.findall(r'id="([^"]+)"', answer.text))
    assert {reference[1:] for reference in references if reference.startswith("#")} <= identifiers
