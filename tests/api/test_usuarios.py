"""Accounts: registering, signing in, the profile (contract.md sections 2 to 4; reliability.md table U, P22, P32, P46)."""

import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import argon2
import jwt
import pytest

from tests.shop import READER_EMAIL, READER_PASSWORD, SECRET, Shop

_numbers = itertools.count(1)
JSON_TYPE = {"Content-Type": "application/json"}


def an_account(**fields: Any) -> dict[str, Any]:
    return {
        "nombre": "Ana Pérez",
        "email": f"ana{next(_numbers)}@cuentas.test",
        "password": "secreta 123",
        **fields,
    }


def rol_of(shop: Shop, email: str) -> str:
    return str(shop.usuarios.sql("SELECT rol FROM usuarios WHERE email = :email", email=email)[0][0])


# --- registering ---------------------------------------------------------------------------------------------------


def test_registering_and_signing_in_answer_the_frozen_bodies(shop: Shop) -> None:
    account = an_account()
    answer = shop.usuarios.post("/registro", json=account)
    assert (answer.status_code, answer.content) == (
        201,
        b'{"mensaje":"Usuario registrado correctamente"}',
    )
    assert answer.headers["Content-Type"] == "application/json"
    answer = shop.usuarios.post("/login", json={"email": account["email"], "password": account["password"]})
    assert answer.status_code == 200
    assert list(answer.json()) == ["token"]
    assert jwt.decode(answer.json()["token"], SECRET, algorithms=["HS256"])["nombre"] == "Ana Pérez"


def test_an_email_registers_once_whatever_its_case(shop: Shop) -> None:
    account = an_account(email=f"Ana.Mixta{next(_numbers)}@Cuentas.test")
    assert shop.usuarios.post("/registro", json=account).status_code == 201
    for email in (account["email"], account["email"].lower(), account["email"].upper()):
        answer = shop.usuarios.post("/registro", json={**account, "email": email})
        assert answer.status_code == 400
        assert answer.content == '{"error":"El email ya está registrado"}'.encode()
        signed_in = shop.sign_in(email, account["password"])
        assert shop.usuarios.get("/perfil", signed_in.token).json()["email"] == account["email"]


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "blank": b"   ",
    "a list": b"[]",
    "null": b"null",
    "text": b'"x"',
    "a number": b"1",
    "true": b"true",
    "cut off": b'{"nombre": "Ana", ',
    "single quotes": b"{'nombre': 'Ana'}",
    "a form": b"nombre=Ana&email=a@b&password=12345678",
    "NaN": b'{"nombre": NaN, "email": "a@b.c", "password": "12345678"}',
    "Infinity": b'{"nombre": -Infinity, "email": "a@b.c", "password": "12345678"}',
    "a member twice": b'{"nombre":"Ana","nombre":"Eva","email":"a@b.c","password":"12345678"}',
    "an unknown member twice": b'{"x":1,"x":1,"nombre":"Ana","email":"a@b.c","password":"12345678"}',
    "an inner member twice": b'{"x":{"y":1,"y":2},"nombre":"Ana","email":"a@b.c","password":"12345678"}',
    "21 levels": b'{"x":' + b"[" * 21 + b"]" * 21 + b"}",
    "30 000 levels": b"[" * 30_000 + b"]" * 30_000,
    "30 000 levels open": b'{"a":' * 10_000,
    "5 000 digits": b'{"nombre":' + b"9" * 5_000 + b',"email":"a@b.c","password":"12345678"}',
    "a huge exponent": b'{"nombre":1e999999999999,"email":1e999999999999,"password":"12345678"}',
    "Latin-1": '{"nombre":"Ñusta","email":"a@b.c","password":"12345678"}'.encode("latin-1"),
    "UTF-16": '{"nombre":"Ana","email":"a@b.c","password":"12345678"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "overlong UTF-8": b'{"nombre":"\xc0\xaf","email":"a@b.c","password":"12345678"}',
    "half a surrogate pair": b'{"nombre":"\\ud800","email":"a@b.c","password":"12345678"}',
    "half a pair in a name": b'{"\\udfff":1,"nombre":"Ana","email":"a@b.c","password":"12345678"}',
    "NUL": b'{"nombre":"A\\u0000na","email":"a@b.c","password":"12345678"}',
    "NUL in a password": b'{"nombre":"Ana","email":"a@b.c","password":"12345678\\u0000"}',
    "a comment": b'{"nombre":"Ana" /* x */}',
    "two values": b"{} {}",
}


@pytest.mark.parametrize("path", ["/registro", "/login", "/perfil"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_is_no_object_of_good_json_is_refused(shop: Shop, path: str, body: bytes) -> None:
    method, token = ("PATCH", shop.admin.token) if path == "/perfil" else ("POST", None)
    answer = shop.usuarios.request(method, path, token, data=body, headers=JSON_TYPE)
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert re.search("[a-z]", answer.json()["error"])


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
        "application/jsonp",
        "json",
    ],
)
def test_a_body_of_another_type_is_refused(shop: Shop, content_type: str) -> None:
    for path in ("/registro", "/login"):
        answer = shop.usuarios.post(
            path, data=json.dumps(an_account()), headers={"Content-Type": content_type}
        )
        assert answer.status_code == 415, answer.text
        assert "error" in answer.json()


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"]
)
def test_spellings_of_the_json_type_are_accepted(shop: Shop, content_type: str) -> None:
    body = json.dumps(an_account()).encode()
    answer = shop.usuarios.post("/registro", data=body, headers={"Content-Type": content_type})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("path", "missing"),
    [("/registro", ["nombre", "email", "password"]), ("/login", ["email", "password"])],
)
def test_what_is_missing_is_named(shop: Shop, path: str, missing: list[str]) -> None:
    answer = shop.usuarios.post(path, json={})
    assert answer.status_code == 400
    assert set(answer.json()["detalles"]) == set(missing)
    for name in missing:
        assert name in answer.json()["error"]
    for name in missing:
        body = {key: value for key, value in an_account().items() if key in missing and key != name}
        answer = shop.usuarios.post(path, json=body)
        assert (answer.status_code, set(answer.json()["detalles"])) == (400, {name})


NOT_TEXT: list[Any] = [None, True, False, 0, 1, 1.5, 10**30, [], ["a"], {}, {"$ne": 1}, {"$gt": ""}]
WRONG: dict[str, list[Any]] = {
    "nombre": [*NOT_TEXT, "", " ", "\t", "x" * 121, "a\nb", "a\r\nX-Evil: 1", "a\x1b[31m", "a\x7f", "\u202eana",
               "a\u2066b", "ana\n"],
    "email": [*NOT_TEXT, "", " ", "a", "a@", "@b", "@", "a@b@c", "a b@c.d", "a@b c", "x" * 250 + "@b.cd", "a@b\n",
              "a@b\r\nBcc: otra@b.c", " a@b.c", "a@b.c ", "a\u202e@b.c", "a\x00@b.c"],
    "password": [*NOT_TEXT, "", "7 chars", "x" * 129, "ñ" * 129, "x" * 1025],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG for value in WRONG[name]])
def test_a_wrong_member_is_refused_and_named(shop: Shop, name: str, value: Any) -> None:
    account = an_account(**{name: value})
    answer = shop.usuarios.post("/registro", json=account)
    assert answer.status_code == 400, answer.text
    if not (isinstance(value, str) and "\x00" in value):
        assert set(answer.json()["detalles"]) == {name}
        assert not shop.usuarios.sql(
            "SELECT 1 FROM usuarios WHERE email = :email", email=str(account["email"])
        )


RIGHT: dict[str, list[str]] = {
    "nombre": ["x", "x" * 120, "ñ" * 120, "🐧" * 120, "  Ana  ", "O'Brien; DROP TABLE usuarios;--", "<b>Ana</b>",
               "{{7*7}}", "سلام", "👩‍👩‍👧"],
    "email": ["a{}@b", "x.{}+etiqueta@sub.dominio.test", "ñandú{}@correo.test", "'or'1'='1{}@b.c", '"{}"@b.c',
              "{}" + "y" * 240 + "@b.test"],
    "password": ["8 letras", "x" * 128, "🐧" * 128, " espacios al borde ", "'; DROP TABLE usuarios;--",
                 "contraseña", "tab\tnueva\nlinea", "\u202e12345678"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in RIGHT for value in RIGHT[name]])
def test_what_is_within_the_bounds_is_kept_to_the_letter(shop: Shop, name: str, value: str) -> None:
    account = an_account()
    account[name] = value.replace("{}", str(next(_numbers)))
    assert shop.usuarios.post("/registro", json=account).status_code == 201
    person = shop.sign_in(account["email"], account["password"])
    profile = shop.usuarios.get("/perfil", person.token).json()
    assert (profile["nombre"], profile["email"]) == (account["nombre"], account["email"])


def test_no_password_is_truncated_or_trimmed(shop: Shop) -> None:
    for password in ("🐧" * 128, "x" * 127 + "y", " espacios al borde "):
        account = an_account(password=password)
        shop.usuarios.post("/registro", json=account)
        for other in (
            password[:-1],
            password.strip() + "x",
            password + " ",
            password.upper() + "x",
        ):
            answer = shop.usuarios.post("/login", json={"email": account["email"], "password": other})
            assert answer.status_code == 401, other


def test_unknown_members_are_ignored_and_never_stored(shop: Shop) -> None:
    extra = {
        "id": 1,
        "rol": "administrador",
        "is_admin": True,
        "valido_desde": 9**15,
        "creado_en": "x",
        "__class__": {},
    }
    account = an_account(**extra)
    assert shop.usuarios.post("/registro", json=account).status_code == 201
    person = shop.sign_in(account["email"], account["password"])
    assert person.id > 1
    assert rol_of(shop, account["email"]) == "cliente"
    answer = shop.usuarios.patch("/perfil", person.token, json={**extra, "email": "otro@cuentas.test"})
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["email"], answer.json()["rol"]) == (
        person.id, account["email"], "cliente",
    )  # fmt: skip


def test_passwords_are_stored_as_argon2id_of_the_promised_cost(shop: Shop) -> None:
    account = an_account(password="canario amarillo 99")
    shop.usuarios.post("/registro", json=account)
    stored = shop.usuarios.sql("SELECT password FROM usuarios WHERE email = :email", email=account["email"])[
        0
    ][0]
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    rows = shop.usuarios.sql("SELECT * FROM usuarios")
    assert not any("canario" in str(member) for row in rows for member in row)
    if shop.backend == "sqlite":
        for file in shop.folder.iterdir():
            assert b"canario amarillo" not in file.read_bytes(), file.name


def test_a_weaker_hash_is_made_stronger_at_the_next_sign_in(shop: Shop) -> None:
    person = shop.person()
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(person.password)
    shop.usuarios.sql("UPDATE usuarios SET password = :weak WHERE id = :id", weak=weak, id=person.id)
    assert shop.usuarios.post("/login", json={"email": person.email, "password": "otra"}).status_code == 401
    assert shop.usuarios.sql("SELECT password FROM usuarios WHERE id = :id", id=person.id)[0][0] == weak
    shop.sign_in(person.email, person.password)
    stored = shop.usuarios.sql("SELECT password FROM usuarios WHERE id = :id", id=person.id)[0][0]
    assert "m=19456,t=2,p=1" in stored
    shop.sign_in(person.email, person.password)


# --- signing in ----------------------------------------------------------------------------------------------------


def test_a_wrong_password_and_an_unknown_email_answer_the_same(shop: Shop) -> None:
    person = shop.person()
    wrong = shop.usuarios.post("/login", json={"email": person.email, "password": "equivocada"})
    unknown = shop.usuarios.post("/login", json={"email": "nadie@cuentas.test", "password": "equivocada"})
    assert (wrong.status_code, wrong.content) == (401, '{"error":"Credenciales inválidas"}'.encode())
    assert (unknown.status_code, unknown.content) == (wrong.status_code, wrong.content)
    assert set(unknown.headers) == set(wrong.headers)


@pytest.mark.parametrize(
    "given",
    [
        {"email": "", "password": ""},
        {"email": "x" * 60_000, "password": "y"},
        {"email": "a@b.c", "password": "y" * 60_000},
        {"email": "' OR 1=1 --", "password": "' OR '1'='1"},
        {"email": "%", "password": "%"},
        {"email": "nobody has this password", "password": "nobody has this password"},
        {"email": "nadie@cuentas.test", "password": "nobody has this password"},
    ],
    ids=lambda given: str(given)[:40],
)
def test_strange_credentials_are_only_wrong(shop: Shop, given: dict[str, str]) -> None:
    answer = shop.usuarios.post("/login", json=given)
    assert (answer.status_code, answer.json()) == (401, {"error": "Credenciales inválidas"})


@pytest.mark.parametrize("name", ["email", "password"])
@pytest.mark.parametrize("value", NOT_TEXT, ids=str)
def test_credentials_that_are_no_text_are_refused(shop: Shop, name: str, value: Any) -> None:
    given = {"email": "a@b.c", "password": "12345678", name: value}
    answer = shop.usuarios.post("/login", json=given)
    assert (answer.status_code, set(answer.json()["detalles"])) == (400, {name})


def test_an_account_outside_todays_bounds_still_signs_in(shop: Shop) -> None:
    person = shop.person()
    short = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash("1")
    shop.usuarios.sql(
        "UPDATE usuarios SET email = 'sin arroba', email_clave = 'sin arroba', password = :hash WHERE id = :id",
        hash=short,
        id=person.id,
    )
    assert shop.sign_in("sin arroba", "1").id == person.id
    assert shop.sign_in("SIN ARROBA", "1").id == person.id


# --- who administers -----------------------------------------------------------------------------------------------


def test_the_first_account_administers_and_the_next_do_not(shop: Shop) -> None:
    assert shop.admin.id == 1
    assert rol_of(shop, shop.admin.email) == "administrador"
    assert shop.usuarios.sql("SELECT count(*) FROM usuarios WHERE rol = 'administrador'")[0][0] == 1


def test_admin_emails_name_more_and_the_role_is_never_computed_again(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(running=False, ADMIN_EMAILS="Jefa@tienda.test, otra@tienda.test")
    shop.usuarios.start()
    assert shop.person(email="primera@tienda.test").id == 1
    shop.person(email="jefa@TIENDA.test")
    shop.person(email="cliente@tienda.test")
    rows = shop.usuarios.sql("SELECT lower(email) AS email, rol FROM usuarios")
    roles = {row.email: row.rol for row in rows}
    assert roles == {
        "primera@tienda.test": "administrador",
        "jefa@tienda.test": "administrador",
        "cliente@tienda.test": "cliente",
    }
    shop.usuarios.kill()
    shop.usuarios.environment["ADMIN_EMAILS"] = "cliente@tienda.test"
    shop.usuarios.start()
    for email, rol in roles.items():
        token = shop.sign_in(email, "contraseña 1").token
        assert jwt.decode(token, SECRET, algorithms=["HS256"])["rol"] == rol


def test_the_reader_is_nobody_of_the_shop(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(running=False)
    usuarios = shop.usuarios
    usuarios.start()
    reader = {"nombre": "Escaparate", "email": READER_EMAIL, "password": READER_PASSWORD}
    for password in ("another password", READER_PASSWORD + " ", READER_PASSWORD.upper()):
        answer = usuarios.post(
            "/registro", json={**reader, "email": READER_EMAIL.upper(), "password": password}
        )
        assert answer.status_code == 403
        assert "error" in answer.json()
    assert usuarios.post("/registro", json=reader).status_code == 201
    assert usuarios.post("/registro", json=reader).json() == {"error": "El email ya está registrado"}
    token = usuarios.post("/login", json=reader).json()["token"]
    said = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert (said["usuario_id"], said["rol"]) == (0, "lector")
    assert usuarios.get("/perfil", token).status_code == 200
    for change in ({"nombre": "x"}, {"password": "otra contraseña", "password_actual": READER_PASSWORD}, {}):
        assert usuarios.patch("/perfil", token, json=change).status_code == 403
    assert usuarios.delete("/perfil", token).status_code == 403
    assert usuarios.post("/login", json=reader).status_code == 200
    assert shop.admin.id == 1  # the reader was not the first account, and used no number up
    assert rol_of(shop, shop.admin.email) == "administrador"


# --- the profile ---------------------------------------------------------------------------------------------------


def test_the_profile_is_the_callers_own(shop: Shop) -> None:
    person = shop.person()
    profile = shop.usuarios.get("/perfil", person.token).json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", profile.pop("creado_en"))
    assert profile == {"id": person.id, "nombre": person.nombre, "email": person.email, "rol": "cliente"}


def test_a_name_changes_and_the_token_goes_on(shop: Shop) -> None:
    person = shop.person()
    answer = shop.usuarios.patch("/perfil", person.token, json={"nombre": "Otro Nombre"})
    assert answer.status_code == 200
    assert answer.json()["nombre"] == "Otro Nombre"
    assert "token" not in answer.json()
    assert shop.usuarios.get("/perfil", person.token).json()["nombre"] == "Otro Nombre"
    token = shop.sign_in(person.email, person.password).token
    assert jwt.decode(token, SECRET, algorithms=["HS256"])["nombre"] == "Otro Nombre"
    assert shop.usuarios.patch("/perfil", person.token, json={}).json()["nombre"] == "Otro Nombre"


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in ("nombre", "password") for value in WRONG[name]]
)
def test_a_wrong_change_is_refused(shop: Shop, name: str, value: Any) -> None:
    change = {"password_actual": shop.admin.password, name: value}
    answer = shop.usuarios.patch("/perfil", shop.admin.token, json=change)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()["detalles"]) == {name}


def test_a_new_password_needs_the_current_one_and_ends_earlier_tokens(shop: Shop) -> None:
    person = shop.person()
    new = "una contraseña nueva"
    for change in (
        {"password": new},
        {"password": new, "password_actual": "equivocada"},
        {"password": new, "password_actual": new},
        {"password": new, "password_actual": ""},
    ):
        answer = shop.usuarios.patch("/perfil", person.token, json=change)
        assert (answer.status_code, answer.json()["codigo"]) == (403, "password_incorrecta")
    answer = shop.usuarios.patch(
        "/perfil", person.token, json={"password": new, "password_actual": person.password}
    )
    assert answer.status_code == 200
    fresh = answer.json()["token"]
    assert shop.usuarios.get("/perfil", fresh).status_code == 200
    for method in ("GET", "PATCH", "DELETE"):
        answer = shop.usuarios.request(
            method, "/perfil", person.token, json={} if method == "PATCH" else None
        )
        assert (answer.status_code, answer.json()) == (401, {"error": "Token inválido"})
    old = shop.usuarios.post("/login", json={"email": person.email, "password": person.password})
    assert old.status_code == 401
    assert shop.sign_in(person.email, new).id == person.id


def test_whoever_leaves_is_gone_and_the_number_is_never_given_again(shop: Shop) -> None:
    person = shop.person()
    assert shop.usuarios.delete("/perfil", person.token).status_code == 200
    for method in ("GET", "PATCH", "DELETE"):
        answer = shop.usuarios.request(
            method, "/perfil", person.token, json={} if method == "PATCH" else None
        )
        assert answer.status_code == 401
    given = {"email": person.email, "password": person.password}
    assert shop.usuarios.post("/login", json=given).status_code == 401
    again = shop.person(email=person.email)
    assert again.id == person.id + 1
    assert shop.usuarios.get("/perfil", person.token).status_code == 401


def test_the_last_administrator_cannot_leave(shop: Shop) -> None:
    answer = shop.usuarios.delete("/perfil", shop.admin.token)
    assert (answer.status_code, answer.json()["codigo"]) == (409, "ultimo_administrador")
    assert shop.usuarios.get("/perfil", shop.admin.token).status_code == 200


# --- what goes wrong inside ----------------------------------------------------------------------------------------


# --- names ---------------------------------------------------------------------------------------------------------


def test_an_administrator_reads_the_names_of_accounts(shop: Shop) -> None:
    ana, luis = shop.person(nombre="Ana <b>"), shop.person(nombre="Luis")
    query = f"id={luis.id}&id={ana.id}&id={10**18}&id={ana.id}"
    answer = shop.usuarios.get(f"/usuarios?{query}", shop.admin.token)
    assert answer.status_code == 200
    assert answer.json() == [{"id": ana.id, "nombre": "Ana <b>"}, {"id": luis.id, "nombre": "Luis"}]
    hundred = "&".join(f"id={10**17 + number}" for number in range(100))
    assert shop.usuarios.get(f"/usuarios?{hundred}", shop.admin.token).json() == []


@pytest.mark.parametrize(
    "query",
    ["", "id=", "id=x", "id=-1", "id=1.5", f"id={2**63}", "id=1&id=x", "&".join(["id=1"] * 101)],
    ids=lambda query: query[:20],
)
def test_names_asked_for_wrongly(shop: Shop, query: str) -> None:
    for person in (shop.admin, shop.person()):
        answer = shop.usuarios.get(f"/usuarios?{query}", person.token)
        assert (answer.status_code, list(answer.json()["detalles"])) == (400, ["id"])
    assert shop.usuarios.get(f"/usuarios?{query}").status_code == 401


def test_nobody_else_reads_names(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop()
    admin, other = shop.admin, shop.person()
    reader = {"nombre": "Lector", "email": READER_EMAIL, "password": READER_PASSWORD}
    shop.usuarios.post("/registro", json=reader)
    for person in (other, shop.sign_in(READER_EMAIL, READER_PASSWORD)):
        assert shop.usuarios.get(f"/usuarios?id={person.id}", person.token).status_code == 403
    change = {"password": "otra contraseña", "password_actual": admin.password}
    shop.usuarios.patch("/perfil", admin.token, json=change)
    assert shop.usuarios.get(f"/usuarios?id={admin.id}", admin.token).status_code == 401


def test_names_are_described(shop: Shop) -> None:
    operation = shop.usuarios.get("/openapi.json").json()["paths"]["/usuarios"]["get"]
    (parameter,) = operation["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("id", "query", True)
    assert parameter["schema"]["type"] == "array"


def test_a_fault_inside_says_a_reference_and_nothing_else(shop: Shop) -> None:
    person = shop.person()
    shop.usuarios.sql("UPDATE usuarios SET creado_en = 9000000000000000000 WHERE id = :id", id=person.id)
    answer = shop.usuarios.get("/perfil", person.token)
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert body["error"] == "Error interno"
    assert set(body) == {"error", "detalles"}
    assert body["detalles"]["referencia"] in shop.usuarios.log.read_text()


@pytest.mark.parametrize(
    "path", ["/console", "/?__debugger__=yes&cmd=resource&f=debugger.js", "/debug", "/login?__debugger__=1"]
)
def test_there_is_no_debugger(shop: Shop, path: str) -> None:
    assert shop.usuarios.get(path).status_code in (404, 405)


def test_no_secret_and_no_email_reaches_the_log(shop: Shop) -> None:
    account = an_account(
        nombre="Canario\u2028Nombre", email="canario.correo@cuentas.test", password="canario clave 1"
    )
    shop.usuarios.post("/registro", json=account)
    shop.usuarios.post("/registro", json={**account, "nombre": ""})
    person = shop.sign_in(account["email"], account["password"])
    shop.usuarios.post("/login", json={"email": account["email"], "password": "canario clave 2"})
    shop.usuarios.post(f"/login?password=canario&token={person.token}", json={})
    shop.usuarios.get("/perfil", person.token + "x")
    shop.usuarios.sql("UPDATE usuarios SET creado_en = 9000000000000000000 WHERE id = :id", id=person.id)
    assert shop.usuarios.get("/perfil", person.token).status_code == 500
    written = shop.usuarios.log.read_text()
    assert "unexpected error" in written
    for secret in ("anario", person.token, person.token.split(".")[1], SECRET):
        assert secret not in written
