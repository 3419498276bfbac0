"""One trace through all logs, and nothing of a person in them (P47, P48)."""

import json
import re
import secrets
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.sagas import poll
from tests.shop import Service, Shop

NOT_JSON = re.compile(r"\w+: (http://127\.0\.0\.1:\d+|SQLite \S+.*)")


def lines(service: Service) -> list[dict[str, Any]]:
    """The log as JSON; what is said at the start is for people."""
    text = service.log.read_text()
    return [json.loads(line) for line in text.splitlines() if not NOT_JSON.fullmatch(line)]


def requests_of(service: Service, trace: str) -> list[str]:
    return [
        f"{line['method']} {line['path']} {line['status']}"
        for line in lines(service)
        if line.get("trace") == trace and line.get("event") == "request"
    ]


def test_a_purchase_is_one_trace_through_the_services(shop: Shop) -> None:
    person, product, trace = shop.person(), shop.a_producto(stock=3), secrets.token_hex(16)
    answer = shop.pedidos.post(
        "/pedidos",
        person.token,
        json={"producto_id": product, "cantidad": 1},
        headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"},
    )
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (201, trace)
    poll(lambda: requests_of(shop.pedidos, trace) and requests_of(shop.productos, trace))
    assert requests_of(shop.pedidos, trace) == ["POST /pedidos 201"]
    (reserved,) = requests_of(shop.productos, trace)
    assert re.fullmatch(r"PUT /reservas/[0-9a-f-]{36} 200", reserved)


GOOD = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.mark.parametrize(
    "header",
    [
        GOOD.upper().replace("00-", "00-", 1),
        GOOD.replace("a" * 32, "0" * 32),
        GOOD.replace("b" * 16, "0" * 16),
        GOOD[:-1],
        f"{GOOD}-more",
        f"ff{GOOD[2:]}",
        GOOD.replace("a", "g"),
        "x" * 1024,
        "",
        f'{GOOD}","level":"forged',
        f"{GOOD}, {GOOD}",
    ],
)
def test_a_malformed_trace_is_replaced(shop: Shop, header: str) -> None:
    answer = shop.pedidos.get("/health", headers={"traceparent": header})
    trace = answer.headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", trace)
    assert trace not in header.lower()
    assert poll(lambda: requests_of(shop.pedidos, trace)) == ["GET /health 200"]
    assert not any("forged" in line.values() for line in lines(shop.pedidos))


def test_no_header_adds_a_line(shop: Shop) -> None:
    """A line break cannot be sent in a header; what comes after it is another header, and no log line either way."""
    before = len(shop.pedidos.log.read_text().splitlines())
    raw = (
        f"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\ntraceparent: {GOOD}\r\n"
        'User-Agent: a\n{"level":"forged"}\r\nConnection: close\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", shop.pedidos.port), timeout=5) as connection:
        connection.sendall(raw.encode())
        while connection.recv(4096):
            pass
    shop.pedidos.get("/health")
    poll(lambda: len(shop.pedidos.log.read_text().splitlines()) > before)
    assert not any("forged" in str(line) for line in lines(shop.pedidos))


def test_nothing_of_a_person_is_in_any_log(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(LIMITE_ACCESOS="3")
    word = f"canario{secrets.token_hex(6)}"
    name, email, password = f"Ana {word}", f"{word}@pingui.test", f"secreto {word}"
    shop.admin  # noqa: B018 - the first account
    person = shop.person(nombre=name, email=email, password=password)
    everything_a_person_does(shop, word, person.token, email)
    break_and_use(shop, word, email)

    for service in shop.services:
        text = service.log.read_text()
        assert len(lines(service)) > 5
        for canary in (word, person.token, person.token.rsplit(".", 1)[1], shop.environment["SECRET_KEY"]):
            assert canary.lower() not in text.lower(), service.name


def everything_a_person_does(shop: Shop, word: str, token: str, email: str) -> None:
    product = shop.a_producto(nombre=f"Taza {word}", descripcion=word)
    shop.usuarios.post("/registro", json={"nombre": f"{word}\n{word}", "email": word, "password": word})
    for _ in range(5):
        shop.usuarios.post(f"/login?email={email}", json={"email": email, "password": f"wrong {word}"})
    shop.usuarios.patch("/perfil", token, json={"nombre": word, "password": word, "actual": word})
    shop.pedidos.post("/pedidos", token, json={"producto_id": product, "cantidad": 1, "nota": word})
    shop.pedidos.get(f"/pedidos?q={word}", shop.admin.token)
    shop.productos.get(f"/productos?q={word}", f"{token}x", headers={"Cookie": f"session={word}"})
    for service in shop.services:
        service.post("/login", token, data=f'{{"a": "{word}', headers={"Content-Type": "application/json"})
        service.get(f"/health?{word}", headers={"User-Agent": word, "Referer": word, "traceparent": word})
        with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
            connection.sendall(f"GET /{word} HTTP/9\r\n{word}\r\n\r\n".encode())
            connection.recv(4096)


def break_and_use(shop: Shop, word: str, email: str) -> None:
    """Errors that nobody foresaw quote statements and their values in their messages."""
    shop.usuarios.sql("ALTER TABLE usuarios RENAME COLUMN nombre TO gone")
    shop.pedidos.sql("ALTER TABLE pedidos RENAME COLUMN huella TO gone")
    account = {"nombre": word, "email": f"otra.{email}", "password": word}
    answers = [
        shop.usuarios.post("/registro", json=account),
        shop.pedidos.post(
            "/pedidos",
            shop.admin.token,
            json={"producto_id": 1, "cantidad": 1},
            headers={"Idempotency-Key": word},
        ),
    ]
    assert {answer.status_code for answer in answers} <= {500, 503}
    assert word not in "".join(answer.text for answer in answers)
