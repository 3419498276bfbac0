"""Many at the same instant, in real threads: the first administrator, one e-mail, the last administrator, one profile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import argon2
import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from tests.api.processes import at_once
from tests.shop import Service, Shop

NewShop = Callable[..., Shop]


def account(name: str) -> dict[str, str]:
    return {"nombre": f"Ana {name}", "email": f"{name}@carreras.test", "password": "12345678"}


@pytest.mark.parametrize("people", [2, 20])
def test_of_the_first_registrations_exactly_one_becomes_administrator(new_shop: NewShop, people: int) -> None:
    shop = new_shop(running=False)
    shop.usuarios.start()
    answers = at_once(
        lambda number: shop.usuarios.post("/registro", json=account(f"a{number}")), list(range(people))
    )
    assert [answer.status_code for answer in answers] == [201] * people
    rows = shop.usuarios.sql("SELECT id, rol FROM usuarios ORDER BY id")
    assert [row.id for row in rows] == list(range(1, people + 1))
    assert [row.rol for row in rows] == ["administrador"] + ["cliente"] * (people - 1)


def test_the_reader_among_the_first_takes_neither_number_nor_role(new_shop: NewShop) -> None:
    shop = new_shop(running=False)
    shop.usuarios.start()
    reader = {
        "nombre": "Escaparate",
        "email": shop.environment["STOREFRONT_EMAIL"],
        "password": shop.environment["STOREFRONT_PASSWORD"],
    }
    accounts = [reader, account("a"), reader, account("b"), reader]
    answers = at_once(lambda given: shop.usuarios.post("/registro", json=given), accounts)
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 400, 400]
    rows = shop.usuarios.sql("SELECT id, rol FROM usuarios ORDER BY id")
    assert [(row.id, row.rol) for row in rows] == [(0, "lector"), (1, "administrador"), (2, "cliente")]


def test_one_email_forty_times_is_one_account_and_uses_one_number(shop: Shop) -> None:
    before = shop.person().id
    one = account(f"una{before}")
    spellings = [one, {**one, "email": one["email"].upper()}]
    answers = at_once(
        lambda number: shop.usuarios.post("/registro", json=spellings[number % 2]), list(range(40))
    )
    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(refused) == 39
    assert {answer.content for answer in refused} == {'{"error":"El email ya está registrado"}'.encode()}
    assert {answer.status_code for answer in refused} == {400}
    rows = shop.usuarios.sql("SELECT id FROM usuarios WHERE lower(email) = :email", email=one["email"])
    assert [row.id for row in rows] == [before + 1]
    assert shop.person().id == before + 2


def test_of_two_administrators_who_leave_at_once_one_stays(new_shop: NewShop) -> None:
    emails = [f"jefa{number}@carreras.test" for number in range(11)]
    shop = new_shop(running=False, ADMIN_EMAILS=",".join(emails))
    shop.usuarios.start()
    staying = shop.person(email=emails[0])
    for email in emails[1:]:
        pair = [staying, shop.person(email=email)]
        answers = at_once(lambda person: shop.usuarios.delete("/perfil", person.token), pair)
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        staying = pair[[answer.status_code for answer in answers].index(409)]
        assert shop.usuarios.sql("SELECT id FROM usuarios WHERE rol = 'administrador'") == [(staying.id,)]


@contextmanager
def a_write_in_the_middle(service: Service, statement: str, **parameters: Any) -> Iterator[None]:
    """``statement`` is done but not committed before the end of the block: other writes wait for it."""
    url = make_url(service.database)
    options: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
        options = {"options": f"-c search_path={service.name}"}
    engine = create_engine(url, poolclass=NullPool, connect_args=options)
    with engine.connect() as connection:
        connection.execute(text(statement), parameters)
        yield
        connection.commit()


def test_of_two_first_registrations_that_wait_together_one_becomes_administrator(new_shop: NewShop) -> None:
    shop = new_shop(running=False)
    shop.usuarios.start()
    statuses: list[int] = []
    registering = [
        threading.Thread(
            target=lambda n=n: statuses.append(shop.usuarios.post("/registro", json=account(n)).status_code)
        )
        for n in "ab"
    ]
    with a_write_in_the_middle(shop.usuarios, "UPDATE contador SET ultimo = ultimo"):
        for one in registering:
            one.start()
        time.sleep(0.7)  # both have hashed their passwords and wait to write
        assert statuses == []
    for one in registering:
        one.join(10)
    assert statuses == [201, 201]
    assert sorted(row.rol for row in shop.usuarios.sql("SELECT rol FROM usuarios")) == [
        "administrador",
        "cliente",
    ]


def test_a_new_name_never_brings_an_old_password_back(shop: Shop) -> None:
    person = shop.person()
    received: list[int] = []
    answered = threading.Event()

    def change_the_name() -> None:
        answer = shop.usuarios.patch("/perfil", person.token, json={"nombre": "Otro Nombre"})
        received.append(answer.status_code)
        answered.set()

    hashed = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash("la nueva clave")
    statement = "UPDATE usuarios SET password = :hashed, valido_desde = :now WHERE id = :id"
    moment = time.time_ns() // 1_000_000
    with a_write_in_the_middle(shop.usuarios, statement, hashed=hashed, now=moment, id=person.id):
        threading.Thread(target=change_the_name).start()
        assert not answered.wait(0.5)  # it has read the account and waits to write
    assert answered.wait(5)
    assert received == [401]  # its token ended meanwhile
    assert shop.sign_in(person.email, "la nueva clave").nombre == person.nombre


def test_of_two_new_passwords_at_once_one_holds(shop: Shop) -> None:
    person = shop.person()
    changes = [{"password": f"contraseña {n}", "password_actual": person.password} for n in range(6)]
    answers = at_once(lambda change: shop.usuarios.patch("/perfil", person.token, json=change), changes)
    held = [change for change, answer in zip(changes, answers, strict=True) if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 401, 403}
    assert len(held) == 1
    assert shop.sign_in(person.email, held[0]["password"]).id == person.id


def test_thirty_sign_ins_take_the_memory_of_two_hashes(shop: Shop) -> None:
    person = shop.person()
    given = {"email": person.email, "password": person.password}
    process = Path(f"/proc/{shop.usuarios.pid}")

    def memory(field: str) -> int:
        (line,) = [line for line in (process / "status").read_text().splitlines() if line.startswith(field)]
        return int(line.split()[1])

    before = memory("VmRSS")
    (process / "clear_refs").write_text("5")  # the peak starts again from here
    answers = at_once(lambda _: shop.usuarios.post("/login", json=given), list(range(30)))
    assert {answer.status_code for answer in answers} == {200}
    # kB: two hashes, and what thirty threads that first run now need for themselves (about 0.8 MB each was seen).
    assert memory("VmHWM") - before < 2 * 19 * 1024 + 30 * 2 * 1024
