"""pedidos over HTTP: the frozen calls, bad inputs (O1 to O13), whose orders, states, lists (contract.md sections 2 to 4)."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests

from services.common.tokens import Tokens
from tests.shop import READER_EMAIL, READER_PASSWORD, SECRET, Person, Shop, a_key

FROZEN = ["id", "usuario_id", "producto_id", "cantidad", "estado"]
UUID = "0d0c0b0a-0000-4000-8000-00000000000"
NOWHERE = 10**17


@pytest.fixture(scope="module")
def person(shop: Shop) -> Person:
    return shop.person()


@pytest.fixture(scope="module")
def product(shop: Shop) -> int:
    return shop.a_producto(nombre="Tetera pingüina", precio=129.9)


def order(shop: Shop, person: Person, product: int, cantidad: int = 1, **fields: Any) -> int:
    """The number of a new order."""
    answer = shop.a_pedido(person, product, cantidad, **fields)
    assert answer.status_code == 201, answer.text
    return int(answer.headers["Location"].rsplit("/", 1)[1])


def move(shop: Shop, number: int, person: Person, estado: str, **headers: str) -> requests.Response:
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    return shop.pedidos.patch(f"/pedidos/{number}", person.token, json={"estado": estado}, headers=names)


def test_the_frozen_calls(shop: Shop) -> None:
    person, product = shop.person(), shop.a_producto()
    body = {"usuario_id": person.id, "producto_id": product, "cantidad": 2}
    answer = shop.pedidos.post("/pedidos", person.token, json=body)
    assert (answer.status_code, answer.content) == (201, b'{"mensaje":"Pedido creado correctamente"}')
    assert answer.headers["Content-Type"] == "application/json"
    listed = shop.pedidos.get(f"/pedidos/usuario/{person.id}", person.token)
    assert listed.status_code == 200
    (one,) = listed.json()
    assert list(one)[:5] == FROZEN
    assert {name: one[name] for name in FROZEN[1:]} == {**body, "estado": "pendiente"}
    assert answer.headers["Location"] == f"/pedidos/{one['id']}"
    health = {"status": "healthy", "service": "pedido_service", "database": shop.backend}
    assert shop.pedidos.get("/health").json() == health


def test_what_an_order_carries(shop: Shop, person: Person, product: int) -> None:
    number = order(shop, person, product, 3, compra_id=f"{UUID}1")
    answer = shop.pedidos.get(f"/pedidos/{number}", person.token).json()
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer.pop("creado_en"))
    assert answer == {
        "id": number,
        "usuario_id": person.id,
        "producto_id": product,
        "cantidad": 3,
        "estado": "pendiente",
        "nombre": "Tetera pingüina",
        "precio_unitario": 129.9,
        "total": 389.7,
        "moneda": "MXN",
        "compra_id": f"{UUID}1",
        "enviado_en": None,
        "entregado_en": None,
        "cancelado_en": None,
        "version": 1,
        "motivo": None,
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/pedidos"),
        ("GET", "/pedidos"),
        ("GET", "/pedidos/usuario/1"),
        ("GET", "/pedidos/1"),
        ("PATCH", "/pedidos/1"),
    ],
)
def test_without_a_good_token(shop: Shop, method: str, path: str) -> None:
    for token in (
        None,
        "",
        "x.y.z",
        Tokens(SECRET).credential(),
        Tokens("other" * 10).issue({"usuario_id": 1}, 1),
    ):
        answer = shop.pedidos.request(method, path, token, data=b"not even JSON")
        assert (answer.status_code, answer.json()) == (401, {"error": "Token inválido"})
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_with_only_the_old_claims_is_good(shop: Shop, person: Person, product: int) -> None:
    token = Tokens(SECRET).issue({"usuario_id": person.id, "nombre": "x"}, 1)
    body = {"usuario_id": person.id, "producto_id": product, "cantidad": 1}
    assert shop.pedidos.post("/pedidos", token, json=body).status_code == 201


WRONG: dict[str, tuple[Any, ...]] = {
    "cantidad": (-5, 0, 1.5, 1.0, True, "2", "abc", None, [], {}, 10**30, 2**63, 10_001),
    "producto_id": (-1, 0, 1.0, True, "1", None, 2**63, 10**30),
    "usuario_id": (-1, True, "1", None, 1.0, 2**63),
    "compra_id": ("", "x", 5, None, "0d0c0b0a"),
}
BAD = [{name: value} for name, values in WRONG.items() for value in values]


@pytest.mark.parametrize("change", BAD, ids=json.dumps)
def test_a_member_that_is_wrong(shop: Shop, person: Person, product: int, change: dict[str, Any]) -> None:
    body = {"usuario_id": person.id, "producto_id": product, "cantidad": 1, **change}
    answer = shop.pedidos.post("/pedidos", person.token, json=body)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()["detalles"]) == list(change)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"x"', 400),
        (b"{", 400),
        (b'{"producto_id":1}', 400),
        (b'{"cantidad":1}', 400),
        (b'{"producto_id":1,"cantidad":1,"cantidad":2}', 400),
        (b'{"producto_id":1,"cantidad":NaN}', 400),
        (b'{"producto_id":1,"cantidad":1,"x":' + b"[" * 30 + b"]" * 30 + b"}", 400),
        (b'{"producto_id":' + b"9" * 5000 + b',"cantidad":1}', 400),
        (b"[" * 30_000, 400),
        (b" " * 70_000, 413),
    ],
)
def test_a_body_that_is_wrong(shop: Shop, person: Person, content: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    answer = shop.pedidos.post("/pedidos", person.token, data=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["error"]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_that_is_not_json(shop: Shop, person: Person, media: str | None) -> None:
    headers = {"Content-Type": media} if media else {}
    answer = shop.pedidos.post(
        "/pedidos", person.token, data=b'{"producto_id":1,"cantidad":1}', headers=headers
    )
    assert answer.status_code == 415


@pytest.mark.parametrize("key", ["", "a b", "ñ".encode("latin-1"), "x" * 256, b"a\x80"])
def test_a_key_that_is_wrong(shop: Shop, person: Person, product: int, key: str | bytes) -> None:
    answer = shop.pedidos.post(
        "/pedidos",
        person.token,
        json={"producto_id": product, "cantidad": 1},
        headers={"Idempotency-Key": key},
    )
    assert answer.status_code == 400, answer.text


def test_the_longest_key(shop: Shop, person: Person, product: int) -> None:
    key = "!~" * 127 + "x"
    assert [shop.a_pedido(person, product, 1, key).status_code for _ in range(2)] == [201, 201]


def test_members_that_nobody_declared_are_ignored(shop: Shop, person: Person, product: int) -> None:
    extra: dict[str, Any] = {
        "precio": 0.01,
        "precio_unitario": 0.01,
        "total": 1,
        "estado": "entregado",
        "id": 1,
        "fase": "devuelto",
    }
    number = order(shop, person, product, **extra)
    answer = shop.pedidos.get(f"/pedidos/{number}", person.token).json()
    assert (answer["precio_unitario"], answer["estado"], answer["id"]) == (129.9, "pendiente", number)


def test_the_orders_of_another(shop: Shop, person: Person, product: int) -> None:
    other = shop.person()
    number = order(shop, person, product)
    for usuario_id in (person.id, NOWHERE):
        body = {"usuario_id": usuario_id, "producto_id": product, "cantidad": 1}
        assert shop.pedidos.post("/pedidos", other.token, json=body).status_code == 403
        assert shop.pedidos.get(f"/pedidos/usuario/{usuario_id}", other.token).status_code == 403
    for one in (number, NOWHERE):
        hidden = [shop.pedidos.get(f"/pedidos/{one}", other.token), move(shop, one, other, "cancelado")]
        assert [answer.status_code for answer in hidden] == [404, 404]
        assert [answer.json() for answer in hidden] == [{"error": "No encontrado"}] * 2
    assert shop.pedidos.get("/pedidos", other.token).status_code == 403


def test_an_administrator_reads_all_and_orders_for_itself_only(
    shop: Shop, person: Person, product: int
) -> None:
    number = order(shop, person, product)
    assert shop.pedidos.get(f"/pedidos/{number}", shop.admin.token).json()["id"] == number
    listed = shop.pedidos.get(f"/pedidos/usuario/{person.id}", shop.admin.token).json()
    assert number in [one["id"] for one in listed]
    body = {"usuario_id": person.id, "producto_id": product, "cantidad": 1}
    assert shop.pedidos.post("/pedidos", shop.admin.token, json=body).status_code == 403


def test_the_reader_writes_nothing(shop: Shop, product: int) -> None:
    account = {"nombre": "Lector", "email": READER_EMAIL, "password": READER_PASSWORD}
    shop.usuarios.post("/registro", json=account)
    reader = shop.sign_in(READER_EMAIL, READER_PASSWORD)
    assert (
        shop.pedidos.post("/pedidos", reader.token, json={"producto_id": product, "cantidad": 1}).status_code
        == 403
    )
    assert move(shop, 1, reader, "cancelado").status_code == 403
    assert shop.pedidos.get(f"/pedidos/usuario/{reader.id}", reader.token).json() == []


@pytest.mark.parametrize(
    "path",
    [
        "/pedidos/usuario/-1",
        "/pedidos/usuario/01",
        "/pedidos/usuario/1.0",
        "/pedidos/usuario/99999999999999999999",
        "/pedidos/usuario/" + "9" * 3000,
        "/pedidos/usuario/%D9%A3",
        "/pedidos/usuario/",
        "/pedidos/usuario/1/",
        "/pedidos/x",
        "/pedidos/",
        "/nada",
    ],
)
def test_paths_that_are_none(shop: Shop, person: Person, path: str) -> None:
    answer = shop.pedidos.get(path, person.token)
    assert (answer.status_code, answer.json()) == (404, {"error": "No encontrado"})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/pedidos", {"GET", "POST"}),
        ("PUT", "/pedidos/1", {"GET", "PATCH"}),
        ("POST", "/pedidos/usuario/1", {"GET"}),
        ("TRACE", "/pedidos", {"GET", "POST"}),
        ("OPTIONS", "/pedidos", {"GET", "POST"}),
    ],
)
def test_methods_that_are_none(shop: Shop, method: str, path: str, allowed: set[str]) -> None:
    answer = shop.pedidos.request(method, path)
    assert (answer.status_code, answer.json()) == (405, {"error": "Método no permitido"})
    assert set(answer.headers["Allow"].split(", ")) - {"HEAD"} == allowed


STEPS = [
    ("pendiente", "enviado", "administrator"),
    ("pendiente", "entregado", None),
    ("pendiente", "cancelado", "buyer"),
    ("enviado", "pendiente", "administrator"),
    ("enviado", "entregado", "administrator"),
    ("enviado", "cancelado", None),
    ("entregado", "pendiente", None),
    ("entregado", "enviado", "administrator"),
    ("entregado", "cancelado", None),
    ("cancelado", "pendiente", None),
    ("cancelado", "enviado", None),
    ("cancelado", "entregado", None),
]
WAYS = {
    "pendiente": (),
    "enviado": ("enviado",),
    "entregado": ("enviado", "entregado"),
    "cancelado": ("cancelado",),
}


@pytest.mark.parametrize(("before", "after", "who"), STEPS)
def test_every_step(
    shop: Shop, person: Person, product: int, before: str, after: str, who: str | None
) -> None:
    number = order(shop, person, product)
    for estado in WAYS[before]:
        assert move(shop, number, shop.admin, estado).status_code == 200
    same = move(shop, number, person, before)
    assert (same.status_code, same.json()["version"]) == (200, 1 + len(WAYS[before]))
    told = {}
    for name, mover in (("buyer", person), ("administrator", shop.admin)):
        answer = move(shop, number, mover, after)
        told[name] = answer.status_code, answer.json().get("codigo")
        if answer.status_code == 200:
            assert (answer.json()["estado"], answer.json()["version"]) == (after, 2 + len(WAYS[before]))
            break
    expected: dict[str | None, dict[str, tuple[int, str | None]]] = {
        None: {"buyer": (409, "estado_ilegal"), "administrator": (409, "estado_ilegal")},
        "administrator": {"buyer": (403, None), "administrator": (200, None)},
        "buyer": {"buyer": (200, None)},
    }
    assert told == expected[who]


def test_an_administrator_cancels_too(shop: Shop, person: Person) -> None:
    product = shop.a_producto(stock=5)
    number = order(shop, person, product, 2)
    assert move(shop, number, shop.admin, "cancelado").json()["estado"] == "cancelado"
    stock = shop.productos.sql("SELECT stock FROM productos WHERE id = :id", id=product)
    assert stock[0][0] == 5


def test_a_cancellation_may_say_why(shop: Shop, person: Person, product: int) -> None:
    number = order(shop, person, product)
    change = {"estado": "cancelado", "motivo": "  Me equivoqué de talla 🐧  "}
    answer = shop.pedidos.patch(f"/pedidos/{number}", person.token, json=change)
    assert (answer.status_code, answer.json()["motivo"]) == (200, "Me equivoqué de talla 🐧")
    again = {"estado": "cancelado", "motivo": "Otra razón"}
    answer = shop.pedidos.patch(f"/pedidos/{number}", person.token, json=again)
    assert (answer.status_code, answer.json()["motivo"]) == (200, "Me equivoqué de talla 🐧")
    assert shop.pedidos.get(f"/pedidos/{number}", person.token).json()["motivo"] == "Me equivoqué de talla 🐧"
    board = shop.pedidos.get("/pedidos?estado=cancelado", shop.admin.token).json()["pedidos"]
    assert {one["id"]: one["motivo"] for one in board}[number] == "Me equivoqué de talla 🐧"


def test_a_cancellation_need_not_say_why(shop: Shop, person: Person, product: int) -> None:
    for change in ({}, {"motivo": ""}, {"motivo": "   "}):
        number = order(shop, person, product)
        body = {"estado": "cancelado", **change}
        answer = shop.pedidos.patch(f"/pedidos/{number}", person.token, json=body)
        assert (answer.status_code, answer.json()["motivo"]) == (200, None)


@pytest.mark.parametrize("motivo", ["x" * 201, 5, None, ["x"], "\ud800"])
def test_a_reason_that_is_wrong(shop: Shop, person: Person, product: int, motivo: Any) -> None:
    number = order(shop, person, product)
    body = {"estado": "cancelado", "motivo": motivo}
    answer = shop.pedidos.patch(f"/pedidos/{number}", person.token, json=body)
    assert answer.status_code == 400
    assert shop.pedidos.get(f"/pedidos/{number}", person.token).json()["estado"] == "pendiente"


def test_only_a_cancellation_has_a_reason(shop: Shop, person: Person, product: int) -> None:
    number = order(shop, person, product)
    body = {"estado": "enviado", "motivo": "Porque sí"}
    answer = shop.pedidos.patch(f"/pedidos/{number}", shop.admin.token, json=body)
    assert (answer.status_code, list(answer.json()["detalles"])) == (400, ["motivo"])


def test_times_of_states(shop: Shop, person: Person, product: int) -> None:
    number = order(shop, person, product)
    sent = move(shop, number, shop.admin, "enviado").json()
    delivered = move(shop, number, shop.admin, "entregado").json()
    back = move(shop, number, shop.admin, "enviado").json()
    assert sent["enviado_en"] >= sent["creado_en"]
    assert delivered["entregado_en"] >= delivered["enviado_en"] == sent["enviado_en"]
    assert (back["enviado_en"], back["entregado_en"]) == (sent["enviado_en"], None)


@pytest.mark.parametrize(
    "body", [{}, {"estado": "Enviado"}, {"estado": None}, {"estado": "desconocido"}, [], {"estado": 1}]
)
def test_a_state_that_is_none(shop: Shop, person: Person, product: int, body: Any) -> None:
    number = order(shop, person, product)
    assert shop.pedidos.patch(f"/pedidos/{number}", shop.admin.token, json=body).status_code == 400


def test_the_second_editor_is_told(shop: Shop, person: Person, product: int) -> None:
    number = order(shop, person, product)
    seen = shop.pedidos.get(f"/pedidos/{number}", shop.admin.token).headers["ETag"]
    assert seen == '"1"'
    first = move(shop, number, shop.admin, "enviado", If_Match=seen)
    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    second = move(shop, number, shop.admin, "cancelado", If_Match=seen)
    assert (second.status_code, second.headers["Content-Type"]) == (412, "application/json")
    assert move(shop, number, shop.admin, "enviado", If_Match=seen).status_code == 412
    assert move(shop, number, shop.admin, "entregado", If_Match='"1", "2"').status_code == 200
    assert move(shop, number, shop.admin, "enviado", If_Match="*").status_code == 200
    assert move(shop, number, shop.admin, "entregado", If_Match="nonsense").status_code == 412


def test_the_same_answer_is_not_sent_twice(shop: Shop, person: Person, product: int) -> None:
    number = order(shop, person, product)
    before = {}
    for path in (f"/pedidos/{number}", f"/pedidos/usuario/{person.id}"):
        first = shop.pedidos.get(path, person.token)
        before[path] = first.headers["ETag"]
        again = shop.pedidos.get(path, person.token, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert "private" in first.headers["Cache-Control"]
    move(shop, number, person, "cancelado")
    for path, seen in before.items():
        answer = shop.pedidos.get(path, person.token, headers={"If-None-Match": seen})
        assert answer.status_code == 200
        one = answer.json()[-1] if isinstance(answer.json(), list) else answer.json()
        assert (one["id"], one["estado"]) == (number, "cancelado")


def test_the_whole_list_and_its_pages(shop: Shop, product: int) -> None:
    person = shop.person()
    numbers = [order(shop, person, product, compra_id=f"{UUID}{n % 2}") for n in range(7)]
    move(shop, numbers[3], person, "cancelado")
    path = f"/pedidos/usuario/{person.id}"
    whole = shop.pedidos.get(path, person.token)
    assert [one["id"] for one in whole.json()] == numbers
    assert whole.headers["X-Total-Count"] == "7"
    assert "Link" not in whole.headers
    found, address = [], f"{path}?limite=3"
    while address:
        page = shop.pedidos.get(address, person.token)
        assert page.headers["X-Total-Count"] == "7"
        found.append([one["id"] for one in page.json()])
        address = page.links.get("next", {}).get("url", "")
    assert found == [numbers[:3], numbers[3:6], numbers[6:]]
    assert page.links["prev"]["url"] == f"{path}?limite=3&pagina=2"
    assert shop.pedidos.get(f"{path}?limite=3&pagina=9", person.token).json() == []
    for query in ("limite=3", "limite=1&estado=cancelado", "pagina=9"):
        counts = shop.pedidos.get(f"{path}?{query}", person.token).headers["X-Total-Por-Estado"]
        assert counts == "pendiente=6, enviado=0, entregado=0, cancelado=1, desconocido=0"
    assert "X-Total-Por-Estado" not in whole.headers

    def ids(query: str) -> list[int]:
        return [one["id"] for one in shop.pedidos.get(f"{path}?{query}", person.token).json()]

    assert ids("estado=cancelado") == [numbers[3]]
    assert ids(f"compra_id={UUID}0") == numbers[::2]
    assert ids(f"compra_id={UUID}1&estado=pendiente") == [numbers[1], numbers[5]]
    assert ids(f"compra_id={UUID}0&limite=2&pagina=2") == [numbers[4], numbers[6]]
    assert ids(f"compra_id={UUID}9") == []
    assert ids("otro=1") == numbers
    assert ids("orden=recientes") == numbers[::-1]
    assert ids("orden=recientes&limite=3&pagina=2") == numbers[3:0:-1]


@pytest.mark.parametrize(
    "query",
    [
        "limite=0",
        "limite=501",
        "limite=x",
        "limite=",
        "limite=1.5",
        "limite=1&limite=2",
        "pagina=0",
        "pagina=-1",
        "pagina=99999999999999999999",
        "estado=otro",
        "compra_id=x",
        "orden=otro",
    ],
)
def test_queries_that_are_wrong(shop: Shop, person: Person, query: str) -> None:
    assert shop.pedidos.get(f"/pedidos/usuario/{person.id}?{query}", person.token).status_code == 400
    if not query.startswith(("compra_id", "orden")):
        assert shop.pedidos.get(f"/pedidos?{query}", shop.admin.token).status_code == 400


def board(shop: Shop, **query: Any) -> requests.Response:
    return shop.pedidos.get("/pedidos", shop.admin.token, params=query)


def numbers_of(answer: requests.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["pedidos"]]


def test_the_board(shop: Shop) -> None:
    person, other = shop.person(), shop.person()
    product = shop.a_producto(nombre=f"Órbita {a_key()}")
    name = shop.productos.sql("SELECT nombre FROM productos WHERE id = :id", id=product)[0][0]
    before = board(shop).json()["conteos"]
    numbers = [order(shop, who, product) for who in (person, other, person, other)]
    move(shop, numbers[0], shop.admin, "enviado")
    move(shop, numbers[1], shop.admin, "cancelado")
    after = board(shop).json()["conteos"]
    changed = {estado: after[estado] - before[estado] for estado in after}
    assert changed == {"pendiente": 2, "enviado": 1, "entregado": 0, "cancelado": 1}
    assert numbers_of(board(shop, limite=4)) == numbers[::-1]
    assert numbers_of(board(shop, q=name)) == numbers[::-1]
    assert numbers_of(board(shop, q=name.upper().replace("Ó", "o"))) == numbers[::-1]
    assert numbers_of(board(shop, q=name, estado="pendiente")) == [numbers[3], numbers[2]]
    assert numbers_of(board(shop, q=name, limite=2, pagina=2)) == [numbers[1], numbers[0]]
    assert board(shop, q=name, limite=2).headers["X-Total-Count"] == "4"
    assert board(shop, q=name, limite=2).links["next"]["url"].endswith("limite=2&pagina=2")
    assert numbers[2] in numbers_of(board(shop, q=numbers[2]))
    assert set(numbers[1::2]) <= set(numbers_of(board(shop, q=other.id)))
    assert numbers_of(board(shop, q=f" {name} ")) == numbers[::-1]


def test_a_board_of_thousands(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(running=False, PRODUCTOS_URL="")
    shop.pedidos.start()
    shop.pedidos.sql("INSERT INTO nombres VALUES ('Gorra', 'gorra'), ('Gorro', 'gorro')")
    shop.pedidos.sql(
        "INSERT INTO pedidos (usuario_id, producto_id, cantidad, estado, nombre, version, fase, intento_n)"
        " WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500)"
        " SELECT 7, 1, n, CASE WHEN n % 2 = 0 THEN 'enviado' ELSE 'pendiente' END,"
        " CASE WHEN n % 1000 = 0 THEN 'Gorra' ELSE 'Gorro' END, 1, 'confirmado', 1 FROM numbers"
    )
    token = Tokens(SECRET).issue({"usuario_id": 1, "nombre": "x", "rol": "administrador"}, 1)

    def quantities(query: str, total: str) -> list[int]:
        answer = shop.pedidos.get(f"/pedidos?limite=3&{query}", token)
        assert answer.headers["X-Total-Count"] == total
        return [one["cantidad"] for one in answer.json()["pedidos"]]

    assert quantities("", "1000+") == [2500, 2499, 2498]
    assert quantities("pagina=500", "1000+") == [1003, 1002, 1001]
    assert quantities("q=gorr", "1000+") == [2500, 2499, 2498]
    assert quantities("q=gorr&pagina=2&estado=enviado", "1000+") == [2494, 2492, 2490]
    assert quantities("q=7", "1000+") == [2500, 2499, 2498]
    assert quantities("q=gorra", "2") == [2000, 1000]
    assert quantities("q=gorra&estado=pendiente", "0") == []
    assert shop.pedidos.get("/pedidos", token).json()["conteos"] == {
        "pendiente": 1000,
        "enviado": 1000,
        "entregado": 0,
        "cancelado": 0,
    }
    path = "/pedidos/usuario/7"
    assert shop.pedidos.get(path, token).headers["X-Total-Count"] == "2500"
    assert shop.pedidos.get(f"{path}?limite=500", token).headers["X-Total-Count"] == "1000+"
    found, address = [], f"{path}?limite=500"
    while address:
        page = shop.pedidos.get(address, token)
        found += [one["cantidad"] for one in page.json()]
        address = page.links.get("next", {}).get("url", "")
    assert found == list(range(1, 2501))


@pytest.mark.parametrize("q", ["%", "_", "\\", "'; DROP TABLE pedidos; --", "9" * 100, "🐧", "٣"])
def test_a_search_is_only_text(shop: Shop, product: int, q: str) -> None:
    assert numbers_of(board(shop, q=q)) == []


@pytest.mark.parametrize("q", ["x" * 121, "\x00"])
def test_a_search_that_is_wrong(shop: Shop, q: str) -> None:
    assert board(shop, q=q).status_code == 400


def test_only_orders_are_shown_never_attempts(shop: Shop, person: Person) -> None:
    product = shop.a_producto(stock=0)
    assert shop.a_pedido(person, product).status_code == 409
    assert shop.a_pedido(person, 123456).status_code == 422
    hidden = shop.pedidos.sql("SELECT id FROM pedidos WHERE fase <> 'confirmado' AND fase NOT LIKE 'dev%'")
    listed = {one["id"] for one in shop.pedidos.get(f"/pedidos/usuario/{person.id}", person.token).json()}
    listed |= set(numbers_of(board(shop, limite=500)))
    assert hidden
    for (number,) in hidden:
        assert number not in listed
        assert shop.pedidos.get(f"/pedidos/{number}", shop.admin.token).status_code == 404
        assert move(shop, number, shop.admin, "cancelado").status_code == 404


def test_it_describes_itself(shop: Shop) -> None:
    document = shop.pedidos.get("/openapi.json").json()
    place = document["paths"]["/pedidos"]["post"]
    assert "Idempotency-Key" in [parameter["name"] for parameter in place["parameters"]]
    assert set(place["responses"]) >= {"201", "400", "401", "403", "409", "413", "415", "422", "503"}
    fields = document["components"]["schemas"]["NuevoPedido"]["properties"]
    assert {"usuario_id", "producto_id", "cantidad", "compra_id"} == set(fields)
    assert set(document["paths"]["/pedidos/{pedido_id}"]) == {"get", "patch"}
    assert shop.pedidos.get("/docs").headers["Content-Type"].startswith("text/html")
