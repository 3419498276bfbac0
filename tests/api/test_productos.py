"""Products one by one: added as the original did, read, edited, withdrawn (contract.md sections 2 to 4)."""

import json
from typing import Any

import pytest

from tests.api.catalogues import (
    ADMIN,
    CLIENT,
    OF_THE_ORIGINAL,
    READER,
    TOKENS,
    BaseUrl,
    add,
    catalogue,
    edit,
    read,
    unbalanced,
    version,
)
from tests.shop import Shop, a_key

ADDED = {"mensaje": "Producto agregado correctamente"}
A_PRODUCT: dict[str, Any] = {"nombre": "Taza", "precio": 129.9}


def newest(shop: Shop) -> int:
    return int(shop.productos.sql("SELECT coalesce(max(id), 0) AS id FROM productos")[0].id)


# The frozen calls


def test_a_product_is_added_and_listed_as_by_the_original(shop: Shop) -> None:
    body = {"nombre": "Laptop", "precio": 1299.99, "descripcion": "De 14 pulgadas"}
    answer = shop.productos.post("/productos", ADMIN, json=body)
    assert (answer.status_code, answer.json()) == (201, ADDED)
    assert answer.content == b'{"mensaje":"Producto agregado correctamente"}'
    listed = shop.productos.get("/productos", OF_THE_ORIGINAL)
    last = listed.json()[-1]
    assert list(last)[:4] == ["id", "nombre", "precio", "descripcion"]
    assert {name: last[name] for name in body} == body
    assert answer.headers["Location"] == f"/productos/{last['id']}"
    assert b'"nombre":"Laptop","precio":1299.99,"descripcion":' in listed.content


def test_health_says_the_engine_and_nothing_else(shop: Shop) -> None:
    answer = shop.productos.get("/health")
    assert answer.json() == {"status": "healthy", "service": "product_service", "database": shop.backend}


@pytest.mark.parametrize("left_out", [{}, {"descripcion": None}, {"descripcion": ""}])
def test_a_description_may_be_left_out_or_null_as_the_original_allowed(
    shop: Shop, left_out: dict[str, Any]
) -> None:
    assert read(shop.productos, add(shop.productos, **left_out))["descripcion"] == ""


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/productos"),
        ("GET", "/productos?q=taza"),
        ("POST", "/productos"),
        ("GET", "/productos/1"),
        ("PATCH", "/productos/1"),
        ("DELETE", "/productos/1"),
        ("PUT", "/productos/1/imagen"),
        ("DELETE", "/productos/1/imagen"),
        ("GET", "/categorias"),
        ("PUT", "/reservas/0b0e7f5c-6d7b-4b0c-9b53-5a0a5f3f4a11"),
        ("DELETE", "/reservas/0b0e7f5c-6d7b-4b0c-9b53-5a0a5f3f4a11"),
        ("GET", "/reservas/0b0e7f5c-6d7b-4b0c-9b53-5a0a5f3f4a11"),
    ],
)
def test_without_a_token_nothing_is_told(shop: Shop, method: str, path: str) -> None:
    for token in (None, "", "x.y.z", TOKENS.credential() if not path.startswith("/reservas") else ADMIN):
        answer = shop.productos.request(method, path, token, data=b"{not json")
        assert (answer.status_code, answer.json()) == (401, {"error": "Token inválido"})
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_405_with_what_is_allowed(shop: Shop, method: str) -> None:
    answer = shop.productos.request(method, "/productos", headers={"X-HTTP-Method-Override": "GET"})
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) >= {"GET", "POST"}
    assert answer.json() == {"error": "Método no permitido"}


@pytest.mark.parametrize("name", ["0x1", "01", "-1", "1.0", "٣", "9" * 19, "9" * 5000, "1%00", "uno"])
def test_what_is_no_id_is_404(shop: Shop, name: str) -> None:
    answer = shop.productos.get(f"/productos/{name}", CLIENT)
    assert answer.status_code in ((404, 414) if len(name) > 100 else (404,))


# Who may


@pytest.mark.parametrize(
    "token", [CLIENT, READER, OF_THE_ORIGINAL], ids=["client", "reader", "of the original"]
)
def test_only_administrators_add_edit_and_withdraw(shop: Shop, token: str) -> None:
    product = add(shop.productos)
    headers = version(shop.productos, product)
    before = newest(shop)
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/productos", {"json": A_PRODUCT}),
        ("PATCH", f"/productos/{product}", {"json": {"precio": 1}, "headers": headers}),
        ("DELETE", f"/productos/{product}", {"headers": headers}),
        ("DELETE", f"/productos/{product}/imagen", {"headers": headers}),
        ("PUT", f"/productos/{product}/imagen", {"data": b"x", "headers": {"Content-Type": "image/png"}}),
    ]
    for method, path, options in calls:
        answer = shop.productos.request(method, path, token, **options)
        assert (answer.status_code, "error" in answer.json()) == (403, True), path
    assert newest(shop) == before
    assert read(shop.productos, product)["precio"] == 129.9


def test_an_open_catalogue_takes_products_from_everybody_but_the_reader(
    base_url: BaseUrl, tmp_path: Any
) -> None:
    with catalogue(tmp_path, base_url, CATALOGO_ABIERTO="true") as productos:
        statuses = [
            productos.post("/productos", token, json=A_PRODUCT).status_code
            for token in (ADMIN, CLIENT, OF_THE_ORIGINAL, READER)
        ]
        assert statuses == [201, 201, 201, 403]
        answer = productos.patch("/productos/1", CLIENT, json={"precio": 1}, headers={"If-Match": "*"})
        assert answer.status_code == 403


# Input

WRONG_VALUES: dict[str, list[Any]] = {
    "precio": ["12", "gratis", True, None, [], {}, -5, 0, -0.0, 1e-9, 0.001, 1299.999, 1e15, 10_000_000],
    "nombre": [
        "",
        " ",
        "\t",
        "x" * 121,
        "a\nb",
        "a\x1bb",
        "a\u202eb",
        "a\u2066b",
        "a\n",
        5,
        None,
        True,
        [],
        {},
    ],
    "descripcion": ["x" * 10_001, "a\x08b", "a\u202eb", 5, [], True],
    "stock": [-1, 1.5, 1.0, "3", True, 10**9 + 1, 2**63, 10**30],
    "categoria": ["", " ", "x" * 61, "a\nb", 5, []],
}
WRONG = [(member, value) for member, values in WRONG_VALUES.items() for value in values]


@pytest.mark.parametrize(("member", "value"), WRONG)
def test_a_wrong_member_is_400_and_stores_nothing(shop: Shop, member: str, value: Any) -> None:
    before = newest(shop)
    answer = shop.productos.post("/productos", ADMIN, json={**A_PRODUCT, member: value})
    assert answer.status_code == 400
    assert list(answer.json()["detalles"]) == [member]
    assert newest(shop) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"x"', 400),
        (b"1", 400),
        (b"{}", 400),
        (b'{"precio": 5}', 400),
        (b'{"nombre": "a", "precio": NaN}', 400),
        (b'{"nombre": "a", "precio": 1e400}', 400),
        (b'{"nombre": "a", "precio": 5, "precio": 6}', 400),
        (b'{"nombre": "\xff", "precio": 5}', 400),
        (b'{"nombre": "\\ud800", "precio": 5}', 400),
        (b'{"nombre": "\\u0000", "precio": 5}', 400),
        (b'{"nombre": "a", "precio": 5, "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400),
        (b'{"nombre": "a", "precio": ' + b"9" * 5000 + b"}", 400),
        (b'{"nombre": "' + b"a" * 70_000 + b'", "precio": 5}', 413),
    ],
)
def test_a_body_that_is_no_product_is_refused(shop: Shop, body: bytes, status: int) -> None:
    answer = shop.productos.post("/productos", ADMIN, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["error"]


def test_missing_members_are_named(shop: Shop) -> None:
    answer = shop.productos.post("/productos", ADMIN, json={"descripcion": "x"})
    assert answer.json() == {
        "error": "Faltan datos: nombre, precio",
        "detalles": {"nombre": "Falta", "precio": "Falta"},
    }


def test_a_connection_whose_body_was_not_read_is_said_to_end(shop: Shop) -> None:
    """Else the next request on it, which the server no longer reads, is lost."""
    kept = {"Connection": "keep-alive"}
    for token, ends in (("x.y.z", True), (CLIENT, False), (ADMIN, False)):
        answer = shop.productos.post("/productos", token, json={"nombre": "sin precio"}, headers=kept)
        assert (answer.headers.get("Connection") == "close") is ends
    assert "Connection" not in shop.productos.get("/productos", "x.y.z", headers=kept).headers


def test_a_bad_request_does_not_hold_up_the_next_one(shop: Shop) -> None:
    shop.productos.post("/productos", ADMIN, json={"nombre": "sin precio"})
    answer = shop.productos.post("/productos", ADMIN, json=A_PRODUCT)
    assert answer.status_code == 201
    assert answer.elapsed.total_seconds() < 2


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", None])
def test_other_media_types_are_415(shop: Shop, media: str | None) -> None:
    headers = {"Content-Type": media} if media else {}
    answer = shop.productos.post("/productos", ADMIN, data=json.dumps(A_PRODUCT), headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (415, "application/json")


def test_unknown_members_are_ignored_and_never_stored(shop: Shop) -> None:
    product = add(
        shop.productos, id=7_000_000, activo=False, version=9, creado_en="ayer", imagen={"hash": "x"}
    )
    shown = read(shop.productos, product)
    assert product < 7_000_000
    assert (shown["activo"], shown["imagen"]) == (True, None)
    assert shop.productos.get(f"/productos/{product}", ADMIN).headers["ETag"] == '"1"'


@pytest.mark.parametrize(
    "nombre",
    [
        "x",
        "x" * 120,
        "🐧" * 120,
        "שלום עולם",
        "مرحبا",
        "<b>negrita</b>",
        "'; DROP TABLE productos; --",
        "{{7*7}}",
    ],
)
def test_a_name_is_kept_as_it_was_written(shop: Shop, nombre: str) -> None:
    text = "Primera línea\n\tsegunda: <script>alert(1)</script> 🐧 " + "ñ" * 9_000
    shown = read(shop.productos, add(shop.productos, nombre, descripcion=text))
    assert (shown["nombre"], shown["descripcion"]) == (nombre, text)


@pytest.mark.parametrize("precio", ["0.01", "9999999.99", "19.90", "19.9", "5", "5.00", "1e2", "1.10E+1"])
def test_prices_are_exact_to_the_cent(shop: Shop, precio: str) -> None:
    body = f'{{"nombre": "Taza", "precio": {precio}}}'
    answer = shop.productos.post("/productos", ADMIN, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    stored = shop.productos.sql("SELECT precio FROM productos WHERE id = :id", id=newest(shop))[0].precio
    assert stored == round(float(precio) * 100)
    assert read(shop.productos, newest(shop))["precio"] == float(precio)


# Idempotency-Key


def test_the_same_key_and_body_add_one_product(shop: Shop) -> None:
    key = {"Idempotency-Key": a_key()}
    first = shop.productos.post("/productos", ADMIN, json=A_PRODUCT, headers=key)
    again = shop.productos.post(
        "/productos",
        ADMIN,
        data=b'{ "precio":129.90, "nombre":"Taza", "otro":1 }',
        headers={**key, "Content-Type": "application/json"},
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == ADDED
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_key_with_another_body_is_refused_and_is_each_persons_own(shop: Shop) -> None:
    key = {"Idempotency-Key": a_key()}
    other_admin = TOKENS.issue({"usuario_id": 9, "nombre": "Sol", "rol": "administrador"}, 1)
    shop.productos.post("/productos", ADMIN, json=A_PRODUCT, headers=key)
    before = newest(shop)
    answer = shop.productos.post("/productos", ADMIN, json={**A_PRODUCT, "precio": 1}, headers=key)
    assert (answer.status_code, answer.json()["codigo"]) == (422, "clave_reutilizada")
    assert newest(shop) == before
    answer = shop.productos.post("/productos", other_admin, json={**A_PRODUCT, "precio": 1}, headers=key)
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer.headers


@pytest.mark.parametrize("key", ["", "a b", "ñ", "x" * 201])
def test_what_is_no_key_is_400(shop: Shop, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}
    assert shop.productos.post("/productos", ADMIN, json=A_PRODUCT, headers=headers).status_code == 400


def test_a_refused_body_does_not_use_its_key_up(shop: Shop) -> None:
    key = {"Idempotency-Key": a_key()}
    assert shop.productos.post("/productos", ADMIN, json={"nombre": "x"}, headers=key).status_code == 400
    answer = shop.productos.post("/productos", ADMIN, json=A_PRODUCT, headers=key)
    assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (201, False)


def test_the_key_is_declared(shop: Shop) -> None:
    document = shop.productos.get("/openapi.json").json()
    declared = {each["name"] for each in document["paths"]["/productos"]["post"]["parameters"]}
    assert "Idempotency-Key" in declared
    assert "additionalProperties" not in json.dumps(document)


# Life of a product


def test_a_product_is_read_with_everything_it_carries(shop: Shop) -> None:
    product = add(shop.productos, "Tetera", 1149, descripcion="900 ml", stock=3, categoria="Cocina")
    answer = shop.productos.get(f"/productos/{product}", READER)
    shown = answer.json()
    created = shown.pop("creado_en")
    assert shown == {
        "id": product,
        "nombre": "Tetera",
        "precio": 1149,
        "descripcion": "900 ml",
        "stock": 3,
        "categoria": "Cocina",
        "imagen": None,
        "activo": True,
    }
    assert created.endswith("Z")
    assert len(created) == len("2026-11-24T07:01:08.123Z")
    assert answer.headers["ETag"] == '"1"'


def test_a_product_that_is_not_there_is_404(shop: Shop) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = shop.productos.request(
            method, "/productos/999999", ADMIN, json={}, headers={"If-Match": "*"}
        )
        assert (answer.status_code, answer.json()) == (404, {"error": "El producto no existe"})


def test_an_edit_changes_what_it_names_and_raises_the_version(shop: Shop) -> None:
    product = add(shop.productos, "Tetera", 1149, descripcion="900 ml", stock=3, categoria="Cocina")
    before = read(shop.productos, product)
    after = edit(shop.productos, product, precio=999.5, categoria=None)
    assert after == {**before, "precio": 999.5, "categoria": None}
    assert read(shop.productos, product) == after
    assert version(shop.productos, product) == {"If-Match": '"2"'}
    everything = {"nombre": "Otra", "precio": 1, "descripcion": "b", "stock": None, "categoria": "C"}
    assert edit(shop.productos, product, **everything) == {**before, **everything}


@pytest.mark.parametrize(("member", "value"), [*WRONG, ("activo", 1), ("activo", None), ("imagen_alt", 5)])
def test_a_wrong_edit_is_400_and_changes_nothing(shop: Shop, member: str, value: Any) -> None:
    product = add(shop.productos)
    answer = shop.productos.patch(
        f"/productos/{product}", ADMIN, json={member: value}, headers={"If-Match": "*"}
    )
    assert answer.status_code == 400
    assert version(shop.productos, product) == {"If-Match": '"1"'}


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_an_edit_needs_the_version_it_was_made_from(shop: Shop, method: str) -> None:
    product = add(shop.productos)
    path = f"/productos/{product}"
    absent = shop.productos.request(method, path, ADMIN, json={"precio": 1})
    assert absent.status_code == 428
    for wrong in ('"2"', "1", '""', "x", '"0", "3"'):
        answer = shop.productos.request(method, path, ADMIN, json={"precio": 1}, headers={"If-Match": wrong})
        assert answer.status_code == 412, wrong
    assert read(shop.productos, product)["precio"] == 129.9
    for good in ('"1"', 'W/"2"', '"9", "3"', "*"):
        answer = shop.productos.request(method, path, ADMIN, json={"precio": 1}, headers={"If-Match": good})
        assert answer.status_code == 200, good


def test_a_withdrawn_product_is_readable_and_comes_back(shop: Shop) -> None:
    product = add(shop.productos, stock=4)
    answer = shop.productos.delete(f"/productos/{product}", ADMIN, headers=version(shop.productos, product))
    assert (answer.status_code, answer.json()["activo"]) == (200, False)
    assert read(shop.productos, product)["activo"] is False
    assert product not in [each["id"] for each in shop.productos.get("/productos", CLIENT).json()]
    assert edit(shop.productos, product, activo=True)["stock"] == 4
    assert product in [each["id"] for each in shop.productos.get("/productos", CLIENT).json()]


# Stock and its ledger


def ledger(shop: Shop, product: int) -> list[tuple[int, str, int | None]]:
    rows = shop.productos.sql(
        "SELECT cantidad, motivo, usuario_id FROM movimientos WHERE producto_id = :id ORDER BY id", id=product
    )
    return [tuple(row) for row in rows]


def test_every_manual_change_of_stock_is_in_the_ledger(shop: Shop) -> None:
    product = add(shop.productos, stock=5)
    for stock in (8, 8, 2, None, None, 7, 0):
        assert edit(shop.productos, product, stock=stock)["stock"] == stock
    edit(shop.productos, product, nombre="Otro nombre")
    assert ledger(shop, product) == [
        (5, "inicial", 1),
        (3, "ajuste", 1),
        (-6, "ajuste", 1),
        (-2, "ajuste", 1),
        (7, "ajuste", 1),
        (-7, "ajuste", 1),
    ]
    assert unbalanced(shop.productos) == []


def test_a_product_that_is_not_counted_has_no_ledger(shop: Shop) -> None:
    product = add(shop.productos)
    assert read(shop.productos, product)["stock"] is None
    assert ledger(shop, product) == []


def test_the_database_itself_refuses_a_negative_stock(shop: Shop) -> None:
    product = add(shop.productos, stock=1)
    with pytest.raises(Exception, match="productos_stock"):
        shop.productos.sql("UPDATE productos SET stock = -1 WHERE id = :id", id=product)
