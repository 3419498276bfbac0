"""Who is let in: every forged, stale or misplaced token gets the same 401 (contract.md sections 2 and 4; P26 to P30)."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from services.common.tokens import Tokens
from tests.api.wire import encoded, exchange, forged, request, service_key
from tests.shop import SECRET, Person, Service, Shop

HOUR = 3600


def claims(person: Person, **changes: Any) -> dict[str, Any]:
    """The three claims of the original services; a change to None takes a claim away."""
    said = {"usuario_id": person.id, "nombre": person.nombre, "exp": int(time.time()) + HOUR, **changes}
    return {name: value for name, value in said.items() if value is not None}


def other_payload(token: str, **changes: Any) -> str:
    header, _, signature = token.split(".")
    changed = {**jwt.decode(token, options={"verify_signature": False}), **changes}
    return f"{header}.{forged(changed).split('.')[1]}.{signature}"


def unsigned(person: Person, algorithm: str) -> str:
    return forged(claims(person), header={"alg": algorithm, "typ": "JWT"}).rpartition(".")[0] + "."


def header_of(**fields: Any) -> dict[str, Any]:
    return {"alg": "HS256", "typ": "JWT", **fields}


# Each gives the whole Authorization header for a person, or None for no header.
REFUSED: dict[str, Callable[[Person], str | None]] = {
    "no header": lambda person: None,
    "empty": lambda person: "",
    "the scheme alone": lambda person: "Bearer",
    "an empty token": lambda person: "Bearer ",
    "no scheme": lambda person: person.token,
    "Basic": lambda person: f"Basic {person.token}",
    "Token": lambda person: f"Token {person.token}",
    "JWT": lambda person: f"JWT {person.token}",
    "a comma list": lambda person: f"Bearer {person.token}, Bearer {person.token}",
    "a second word": lambda person: f"Bearer {person.token} x",
    "Bearer twice": lambda person: f"Bearer Bearer {person.token}",
    "quotes": lambda person: f'Bearer "{person.token}"',
    "alg none": lambda person: f"Bearer {unsigned(person, 'none')}",
    "alg None": lambda person: f"Bearer {unsigned(person, 'None')}",
    "alg nOnE": lambda person: f"Bearer {unsigned(person, 'nOnE')}",
    "alg none, signed": lambda person: f"Bearer {forged(claims(person), header=header_of(alg='none'))}",
    "alg HS512": lambda person: (
        f"Bearer {forged(claims(person), header=header_of(alg='HS512'), digest='sha512')}"
    ),
    "alg RS256": lambda person: f"Bearer {forged(claims(person), header=header_of(alg='RS256'))}",
    "no alg": lambda person: f"Bearer {forged(claims(person), header={'typ': 'JWT'})}",
    "alg a list": lambda person: f"Bearer {forged(claims(person), header=header_of(alg=['HS256']))}",
    "header a list": lambda person: f"Bearer {forged(claims(person), header=[])}",
    "header no JSON": lambda person: f"Bearer {forged(claims(person), header=b'HS256')}",
    "crit unknown": lambda person: f"Bearer {forged(claims(person), header=header_of(crit=['x'], x=1))}",
    "key fallback_secret": lambda person: f"Bearer {forged(claims(person), b'fallback_secret')}",
    "key productos123": lambda person: f"Bearer {forged(claims(person), b'productos123')}",
    "key pedido123": lambda person: f"Bearer {forged(claims(person), b'pedido123')}",
    "key empty": lambda person: f"Bearer {forged(claims(person), b'')}",
    "key nearly right": lambda person: f"Bearer {forged(claims(person), SECRET[:-1].encode())}",
    "key of the services": lambda person: f"Bearer {forged(claims(person), service_key())}",
    "kid leads elsewhere": lambda person: (
        f"Bearer {forged(claims(person), b'', header=header_of(kid='../../../../dev/null'))}"
    ),
    "payload a list": lambda person: f"Bearer {forged([claims(person)])}",
    "payload null": lambda person: f"Bearer {forged(None)}",
    "payload no JSON": lambda person: f"Bearer {forged(b'usuario_id=1')}",
    "payload deep": lambda person: f"Bearer {forged(b'[' * 3000 + b']' * 3000)}",
    "payload not text": lambda person: f"Bearer {forged(bytes(range(128, 256)))}",
    "no exp": lambda person: f"Bearer {forged(claims(person, exp=None))}",
    "exp null": lambda person: f"Bearer {forged({**claims(person), 'exp': None})}",
    "exp text": lambda person: f"Bearer {forged(claims(person, exp='mañana'))}",
    "exp digits in text": lambda person: f"Bearer {forged(claims(person, exp='99999999999'))}",
    "exp a list": lambda person: f"Bearer {forged(claims(person, exp=[99999999999]))}",
    "exp true": lambda person: f"Bearer {forged(claims(person, exp=True))}",
    "exp NaN": lambda person: f"Bearer {forged(claims(person, exp=float('nan')))}",
    "exp infinite": lambda person: f"Bearer {forged(claims(person, exp=float('inf')))}",
    "exp 31 s ago": lambda person: f"Bearer {forged(claims(person, exp=int(time.time()) - 31))}",
    "exp negative": lambda person: f"Bearer {forged(claims(person, exp=-1))}",
    "nbf in an hour": lambda person: f"Bearer {forged(claims(person, nbf=int(time.time()) + HOUR))}",
    "iat in an hour": lambda person: f"Bearer {forged(claims(person, iat=int(time.time()) + HOUR))}",
    "iat text": lambda person: f"Bearer {forged(claims(person, iat='ahora'))}",
    "aud": lambda person: f"Bearer {forged(claims(person, aud='otros'))}",
    "no usuario_id": lambda person: f"Bearer {forged(claims(person, usuario_id=None))}",
    "usuario_id null": lambda person: f"Bearer {forged({**claims(person), 'usuario_id': None})}",
    "usuario_id text": lambda person: f"Bearer {forged(claims(person, usuario_id=str(person.id)))}",
    "usuario_id true": lambda person: f"Bearer {forged(claims(person, usuario_id=True))}",
    "usuario_id float": lambda person: f"Bearer {forged(claims(person, usuario_id=float(person.id)))}",
    "usuario_id list": lambda person: f"Bearer {forged(claims(person, usuario_id=[person.id]))}",
    "usuario_id negative": lambda person: f"Bearer {forged(claims(person, usuario_id=-1))}",
    "usuario_id 2^63": lambda person: f"Bearer {forged(claims(person, usuario_id=2**63))}",
    "usuario_id of 500 digits": lambda person: f"Bearer {forged(claims(person, usuario_id=10**499))}",
    "payload changed": lambda person: f"Bearer {other_payload(person.token, rol='administrador')}",
    "signature truncated": lambda person: f"Bearer {person.token[:-8]}",
    "signature absent": lambda person: f"Bearer {person.token.rpartition('.')[0]}.",
    "two parts": lambda person: f"Bearer {person.token.rpartition('.')[0]}",
    "four parts": lambda person: f"Bearer {person.token}.{encoded(b'x')}",
    "dots": lambda person: "Bearer ....",
    "no base64": lambda person: "Bearer !.!.!",
    "letters that are not ASCII": lambda person: "Bearer ñandú",
    "service credential": lambda person: f"Bearer {Tokens(SECRET).credential()}",
    "rol servicio by the person's key": lambda person: (
        f"Bearer {forged({'rol': 'servicio', 'exp': int(time.time()) + 50})}"
    ),
}

ACCEPTED: dict[str, Callable[[Person], str]] = {
    "as issued": lambda person: f"Bearer {person.token}",
    "scheme in lower case": lambda person: f"bearer {person.token}",
    "scheme in upper case": lambda person: f"BEARER {person.token}",
    "the three old claims": lambda person: f"Bearer {forged(claims(person))}",
    "clock a little behind": lambda person: f"Bearer {forged(claims(person, exp=int(time.time()) - 20))}",
    "clock a little ahead": lambda person: f"Bearer {forged(claims(person, iat=int(time.time()) + 20))}",
    "exp a fraction": lambda person: f"Bearer {forged(claims(person, exp=time.time() + HOUR))}",
    "unknown claims": lambda person: f"Bearer {forged(claims(person, sub='x', admin=True, iss='z'))}",
    "a sub that is a number": lambda person: f"Bearer {forged(claims(person, sub=person.id))}",
    "an unknown kid": lambda person: f"Bearer {forged(claims(person), header=header_of(kid='otro'))}",
}


def protected(shop: Shop, person: Person) -> list[tuple[Service, str]]:
    """One GET of each service that wants a person's token."""
    paths = {
        "usuarios": "/perfil",
        "productos": "/productos?limite=1",
        "pedidos": f"/pedidos/usuario/{person.id}",
    }
    return [(service, paths[service.name]) for service in shop.services]


@pytest.fixture(scope="module")
def person(shop: Shop) -> Person:
    return shop.person()


@pytest.mark.parametrize("header", REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_token_is_refused_by_every_service_with_the_same_words(
    shop: Shop, person: Person, header: Callable[[Person], str | None]
) -> None:
    text = header(person)
    for service, path in protected(shop, person):
        headers = {} if text is None else {"Authorization": text.encode()}
        answer = service.get(path, headers=headers)
        assert answer.status_code == 401, (service.name, answer.text)
        assert answer.content == '{"error":"Token inválido"}'.encode()
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_token_is_accepted_by_every_service(
    shop: Shop, person: Person, header: Callable[[Person], str]
) -> None:
    for service, path in protected(shop, person):
        answer = service.get(path, headers={"Authorization": header(person)})
        assert answer.status_code == 200, (service.name, answer.text)


@pytest.mark.parametrize("usuario_id", [0, 2**63 - 1])
def test_the_readers_number_and_the_highest_are_numbers_of_people(shop: Shop, usuario_id: int) -> None:
    token = forged({"usuario_id": usuario_id, "nombre": "x", "exp": int(time.time()) + HOUR})
    assert shop.productos.get("/productos?limite=1", token).status_code == 200


def test_two_authorization_headers_are_refused(shop: Shop, person: Person) -> None:
    line = f"Authorization: Bearer {person.token}\r\n"
    for service, path in protected(shop, person):
        assert exchange(service, request(f"GET {path}", line)).status == 200
        assert exchange(service, request(f"GET {path}", line * 2)).status in (400, 401)


def test_a_token_of_a_megabyte_or_with_control_characters_is_refused_at_once(shop: Shop) -> None:
    for service in shop.services:
        for text in ("a" * 1_000_000, "a" * 9_000, "a\x00b", "a\rb"):
            started = time.monotonic()
            answer = exchange(service, request("GET /perfil", f"Authorization: Bearer {text}\r\n"))
            assert answer.status in (0, 400, 431), answer
            assert time.monotonic() - started < 1


def test_everything_but_the_public_calls_wants_a_token(shop: Shop) -> None:
    own = {"usuarios": {"post /registro", "post /login"}, "productos": {"get /imagenes"}, "pedidos": set()}
    for service in shop.services:
        document = service.get("/openapi.json").json()
        public = {
            f"{method} /imagenes" if path.startswith("/imagenes/") else f"{method} {path}"
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if not operation.get("security")
        }
        assert public == {"get /health", "get /ready"} | own[service.name]


def test_an_issued_token_says_what_the_contract_says(shop: Shop) -> None:
    person = shop.person(nombre="Ñusta Ávila", email="Nusta.Avila@pingui.test")
    said = jwt.decode(person.token, SECRET, algorithms=["HS256"])  # as the original verifiers do
    assert jwt.get_unverified_header(person.token)["alg"] == "HS256"
    assert (said["usuario_id"], said["nombre"]) == (person.id, "Ñusta Ávila")
    assert (said["rol"], said["email"]) == ("cliente", "Nusta.Avila@pingui.test")
    assert type(said["exp"]) is int
    assert abs(said["exp"] - (time.time() + HOUR)) < 5
    assert abs(said["iat"] - time.time()) < 5
    assert "aud" not in said
    again = shop.sign_in(person.email, person.password)
    assert jwt.decode(again.token, SECRET, algorithms=["HS256"])["jti"] != said["jti"]


def test_the_administrators_token_says_so(shop: Shop) -> None:
    assert jwt.decode(shop.admin.token, SECRET, algorithms=["HS256"])["rol"] == "administrador"


def credential(key: bytes | None = None, **changes: Any) -> str:
    said = {"rol": "servicio", "exp": int(time.time()) + 50, **changes}
    return forged({name: value for name, value in said.items() if value is not None}, key or service_key())


SERVICE_REFUSED: dict[str, Callable[[Shop], str]] = {
    "a person": lambda shop: shop.person().token,
    "the administrator": lambda shop: shop.admin.token,
    "a person's key": lambda shop: credential(SECRET.encode()),
    "another secret": lambda shop: credential(service_key("another secret of thirty-two bytes or more")),
    "a person with rol servicio": lambda shop: forged(claims(shop.admin, rol="servicio")),
    "a usuario_id": lambda shop: credential(usuario_id=1),
    "an administrator": lambda shop: credential(rol="administrador"),
    "no rol": lambda shop: credential(rol=None),
    "no exp": lambda shop: credential(exp=None),
    "expired": lambda shop: credential(exp=int(time.time()) - 31),
    "too long": lambda shop: credential(exp=int(time.time()) + 120),
    "endless": lambda shop: credential(exp=float("inf")),
    "NaN": lambda shop: credential(exp=float("nan")),
}


@pytest.mark.parametrize("token", SERVICE_REFUSED.values(), ids=SERVICE_REFUSED.keys())
def test_reservations_are_for_the_service_alone(shop: Shop, token: Callable[[Shop], str]) -> None:
    path = f"/reservas/{uuid.uuid4()}"
    body = {"producto_id": 1, "cantidad": 1}
    for method in ("GET", "PUT", "DELETE"):
        answer = shop.productos.request(method, path, token(shop), json=body if method == "PUT" else None)
        assert answer.status_code == 401, answer.text
        assert answer.content == '{"error":"Token inválido"}'.encode()
    assert shop.productos.get(path, Tokens(SECRET).credential()).status_code == 404


def test_a_credential_lives_a_minute_at_most_and_names_nobody(shop: Shop) -> None:
    said = jwt.decode(Tokens(SECRET).credential(), service_key(), algorithms=["HS256"])
    assert said["rol"] == "servicio"
    assert "usuario_id" not in said
    assert said["exp"] <= time.time() + 60


def test_a_new_secret_signs_nobody_out_and_a_dropped_one_does(new_shop: Callable[..., Shop]) -> None:
    first, second = "the first secret of the tests no less", "the second secret of the tests no less"
    shop = new_shop(running=False, SECRET_KEY=first)
    usuarios = shop.usuarios
    usuarios.start()
    old = shop.admin.token

    usuarios.kill()
    usuarios.environment["SECRET_KEY"] = second
    usuarios.environment["SECRET_KEY_ANTERIORES"] = f"something older than both of them, {first}"
    usuarios.start()
    assert usuarios.get("/perfil", old).status_code == 200
    new = shop.sign_in(shop.admin.email, shop.admin.password).token
    assert jwt.decode(new, second, algorithms=["HS256"])["usuario_id"] == 1
    assert usuarios.get("/perfil", new).status_code == 200
    for key in (b"a secret that nobody configured, not ever", service_key(first), service_key(second)):
        assert usuarios.get("/perfil", forged(claims(shop.admin), key)).status_code == 401

    usuarios.kill()
    del usuarios.environment["SECRET_KEY_ANTERIORES"]
    usuarios.start()
    assert usuarios.get("/perfil", old).status_code == 401
    assert usuarios.get("/perfil", new).status_code == 200


@pytest.mark.parametrize("zone", ["UTC", "America/Argentina/Buenos_Aires", "Europe/Madrid", "Asia/Tokyo"])
def test_a_token_lives_an_hour_in_every_zone(new_shop: Callable[..., Shop], zone: str) -> None:
    shop = new_shop(running=False, TZ=zone)
    shop.usuarios.start()
    said = jwt.decode(shop.admin.token, options={"verify_signature": False})
    assert abs(said["exp"] - time.time() - HOUR) <= 5
    assert HOUR - 1 <= said["exp"] - said["iat"] <= HOUR
    assert shop.usuarios.get("/perfil", shop.admin.token).status_code == 200


def test_the_hours_of_a_token_can_be_set(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(running=False, JWT_EXPIRATION_HOURS="24")
    shop.usuarios.start()
    said = jwt.decode(shop.admin.token, options={"verify_signature": False})
    assert abs(said["exp"] - time.time() - 24 * HOUR) <= 5
