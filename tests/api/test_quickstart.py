"""The original README's calls in their order on a fresh shop, by a client that knows nothing newer (contract.md section 2)."""

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.shop import Service, Shop


@dataclass(frozen=True)
class Received:
    status: int
    content_type: str
    body: bytes


def curl(service: Service, method: str, path: str, token: str = "", data: str = "") -> Received:
    """What curl -X METHOD sends: its own headers, those of the README, and the text of -d as it stands."""
    headers = {"User-Agent": "curl/7.88.1", "Accept": "*/*"}
    if data:
        headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("localhost", service.port, timeout=10)
    try:
        connection.request(method, path, data.encode() or None, headers)
        answer = connection.getresponse()
        return Received(answer.status, answer.headers["Content-Type"], answer.read())
    finally:
        connection.close()


def said(status: int, text: str) -> Received:
    return Received(status, "application/json", text.encode())


ANA = '{"nombre": "Juan Pérez", "email": "juan@example.com", "password": "password123"}'
SIGN_IN = '{"email": "juan@example.com", "password": "password123"}'
PRODUCT = '{"nombre": "Laptop", "precio": 999.99, "descripcion": "Laptop de alta gama"}'
MUG = '{"nombre": "Taza", "precio": 12}'
ORDER = '{"usuario_id": 1, "producto_id": 1, "cantidad": 2}'


@pytest.fixture
def fresh(new_shop: Callable[..., Shop]) -> Shop:
    return new_shop()


def test_the_quick_start_word_for_word(fresh: Shop) -> None:
    usuarios, productos, pedidos = fresh.services
    assert curl(usuarios, "POST", "/registro", data=ANA) == said(
        201, '{"mensaje":"Usuario registrado correctamente"}'
    )
    assert curl(usuarios, "POST", "/registro", data=ANA) == said(
        400, '{"error":"El email ya está registrado"}'
    )
    assert curl(usuarios, "POST", "/login", data=SIGN_IN.replace("123", "321")) == said(
        401, '{"error":"Credenciales inválidas"}'
    )
    signed_in = curl(usuarios, "POST", "/login", data=SIGN_IN)
    assert (signed_in.status, signed_in.content_type) == (200, "application/json")
    token = json.loads(signed_in.body)["token"]
    assert signed_in.body == f'{{"token":"{token}"}}'.encode()

    assert curl(productos, "GET", "/productos") == said(401, '{"error":"Token inválido"}')
    assert curl(productos, "GET", "/productos", token) == said(200, "[]")
    assert curl(productos, "POST", "/productos", data=PRODUCT) == said(401, '{"error":"Token inválido"}')
    for product in (PRODUCT, MUG):
        assert curl(productos, "POST", "/productos", token, product) == said(
            201, '{"mensaje":"Producto agregado correctamente"}'
        )
    listed = curl(productos, "GET", "/productos", token)
    assert (listed.status, listed.content_type) == (200, "application/json")
    assert [first_members(item, 4) for item in json.loads(listed.body)] == [
        [("id", 1), ("nombre", "Laptop"), ("precio", 999.99), ("descripcion", "Laptop de alta gama")],
        [("id", 2), ("nombre", "Taza"), ("precio", 12), ("descripcion", "")],
    ]
    assert b'"precio":999.99,' in listed.body

    assert curl(pedidos, "GET", "/pedidos/usuario/1") == said(401, '{"error":"Token inválido"}')
    assert curl(pedidos, "GET", "/pedidos/usuario/1", token) == said(200, "[]")
    assert curl(pedidos, "POST", "/pedidos", data=ORDER) == said(401, '{"error":"Token inválido"}')
    for _ in range(2):  # without a key the same call is another order, as it always was
        assert curl(pedidos, "POST", "/pedidos", token, ORDER) == said(
            201, '{"mensaje":"Pedido creado correctamente"}'
        )
    orders = json.loads(curl(pedidos, "GET", "/pedidos/usuario/1", token).body)
    assert [first_members(order, 5) for order in orders] == [
        [("id", number), ("usuario_id", 1), ("producto_id", 1), ("cantidad", 2), ("estado", "pendiente")]
        for number in (orders[0]["id"], orders[1]["id"])
    ]
    assert orders[0]["id"] < orders[1]["id"]


def first_members(item: dict[str, object], number: int) -> list[tuple[str, object]]:
    return list(item.items())[:number]


def test_pedidos_alone_accepts_any_product_as_the_original_did(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(running=False, PRODUCTOS_URL="")
    shop.usuarios.start()
    shop.pedidos.start()
    token = shop.admin.token
    order = '{"usuario_id": 1, "producto_id": 424242, "cantidad": 3}'
    assert curl(shop.pedidos, "POST", "/pedidos", token, order) == said(
        201, '{"mensaje":"Pedido creado correctamente"}'
    )
    (kept,) = json.loads(curl(shop.pedidos, "GET", "/pedidos/usuario/1", token).body)
    assert first_members(kept, 5)[1:] == [
        ("usuario_id", 1), ("producto_id", 424242), ("cantidad", 3), ("estado", "pendiente"),
    ]  # fmt: skip


def test_an_open_catalogue_lets_any_signed_in_person_add_products(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(running=False, CATALOGO_ABIERTO="true")
    shop.usuarios.start()
    shop.productos.start()
    assert shop.admin.id == 1
    assert curl(shop.productos, "POST", "/productos", shop.person().token, PRODUCT) == said(
        201, '{"mensaje":"Producto agregado correctamente"}'
    )


def test_a_closed_catalogue_is_the_administrators(shop: Shop) -> None:
    answer = curl(shop.productos, "POST", "/productos", shop.person().token, PRODUCT)
    assert (answer.status, answer.content_type) == (403, "application/json")
    assert "error" in json.loads(answer.body)
