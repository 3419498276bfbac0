"""Guessing is slow, lockout is no weapon, and an unknown e-mail looks like a wrong password (P33, P34; contract section 7)."""

import statistics
import time
from collections.abc import Callable

import pytest
import requests

from tests.api.processes import at_once
from tests.shop import Person, Shop

MINUTE, HOUR = 60_000, 3_600_000
WRONG = "equivocada"
NewShop = Callable[..., Shop]


def a_limited_shop(new_shop: NewShop, **environment: str) -> Shop:
    shop = new_shop(running=False, **{"LIMITE_ACCESOS": "10", **environment})
    shop.usuarios.start()
    assert shop.admin.id == 1
    return shop


def try_once(shop: Shop, email: str, password: str = WRONG, address: str = "") -> requests.Response:
    headers = {"X-Forwarded-For": address} if address else {}
    return shop.usuarios.post("/login", json={"email": email, "password": password}, headers=headers)


def statuses(answers: list[requests.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


def let_time_pass(shop: Shop, milliseconds: int) -> None:
    shop.usuarios.sql("UPDATE intentos SET momento = momento - :time", time=milliseconds)


def assert_told_to_wait(answer: requests.Response, longest: int) -> None:
    assert answer.status_code == 429, answer.text
    assert set(answer.json()) == {"error"}
    assert 1 <= int(answer.headers["Retry-After"]) <= longest


def test_the_eleventh_wrong_try_waits_and_a_kill_forgets_nothing(new_shop: NewShop) -> None:
    shop = a_limited_shop(new_shop)
    person, other = shop.person(), shop.person()
    spellings = [person.email, person.email.upper()]
    assert statuses([try_once(shop, spellings[number % 2]) for number in range(10)]) == [401] * 10
    assert_told_to_wait(try_once(shop, person.email), 300)
    assert_told_to_wait(try_once(shop, person.email, person.password), 300)
    assert shop.sign_in(other.email, other.password).id == other.id

    shop.usuarios.kill()
    shop.usuarios.start()
    assert_told_to_wait(try_once(shop, person.email, person.password), 300)

    let_time_pass(shop, 5 * MINUTE)
    assert shop.sign_in(person.email, person.password).id == person.id


def test_a_right_password_is_never_counted(new_shop: NewShop) -> None:
    shop = a_limited_shop(new_shop, LIMITE_ACCESOS="2")
    for _ in range(30):
        assert try_once(shop, shop.admin.email, shop.admin.password).status_code == 200


def test_the_limit_does_not_tell_whether_an_account_exists(new_shop: NewShop) -> None:
    shop = a_limited_shop(new_shop)
    assert statuses([try_once(shop, "nadie@pingui.test") for _ in range(11)]) == [401] * 10 + [429]


def test_another_address_with_the_right_password_still_enters(new_shop: NewShop) -> None:
    shop = a_limited_shop(new_shop, PROXIES_CONFIABLES="127.0.0.1")
    person = shop.person()
    assert statuses([try_once(shop, person.email, address="203.0.113.7") for _ in range(11)])[-1] == 429
    assert try_once(shop, person.email, person.password, "203.0.113.7").status_code == 429
    assert try_once(shop, person.email, person.password, "203.0.113.8").status_code == 200
    # What the visitor wrote before the proxy's own word does not count.
    assert try_once(shop, person.email, person.password, "203.0.113.8, 203.0.113.7").status_code == 429
    # One visitor has a whole /64 of IPv6.
    for number in range(10):
        assert try_once(shop, person.email, address=f"2001:db8::{number:x}").status_code == 401
    assert try_once(shop, person.email, person.password, "2001:db8::ffff").status_code == 429
    assert try_once(shop, person.email, person.password, "2001:db8:0:1::1").status_code == 200


def test_an_address_that_nobody_vouches_for_does_not_count(new_shop: NewShop) -> None:
    shop = a_limited_shop(new_shop, PROXIES_CONFIABLES="203.0.113.1")
    answers = [try_once(shop, shop.admin.email, address=f"203.0.113.{number}") for number in range(11)]
    assert statuses(answers) == [401] * 10 + [429]


def test_one_address_over_many_accounts_waits_too(new_shop: NewShop) -> None:
    shop = a_limited_shop(new_shop, LIMITE_ACCESOS="2", PROXIES_CONFIABLES="127.0.0.1")
    answers = [try_once(shop, f"nadie{number}@pingui.test", address="203.0.113.7") for number in range(13)]
    assert statuses(answers) == [401] * 12 + [429]
    assert_told_to_wait(try_once(shop, shop.admin.email, shop.admin.password, "203.0.113.7"), 300)
    assert try_once(shop, shop.admin.email, shop.admin.password, "203.0.113.8").status_code == 200


def test_one_account_from_many_addresses_waits_longer_and_longer_but_is_never_locked(
    new_shop: NewShop,
) -> None:
    shop = a_limited_shop(new_shop, LIMITE_ACCESOS="2", PROXIES_CONFIABLES="127.0.0.1")
    person = shop.person()
    for number in range(10):
        assert try_once(shop, person.email, address=f"203.0.113.{number}").status_code == 401
    for number, delay in enumerate((1, 2, 4, 8), start=20):
        waiting = try_once(shop, person.email, address=f"203.0.113.{number}")
        assert_told_to_wait(waiting, delay)
        assert int(waiting.headers["Retry-After"]) == delay
        let_time_pass(shop, 1000 * delay)
        assert try_once(shop, person.email, address=f"203.0.113.{number}").status_code == 401
    let_time_pass(shop, 16_000)
    assert try_once(shop, person.email, person.password, "203.0.113.99").status_code == 200
    let_time_pass(shop, HOUR)
    assert try_once(shop, person.email, address="203.0.113.1").status_code == 401
    assert shop.usuarios.sql("SELECT count(*) FROM intentos")[0][0] == 1  # the older ones are gone


def test_guessing_the_current_password_of_a_stolen_session_is_slow_too(new_shop: NewShop) -> None:
    shop = a_limited_shop(new_shop)
    change = {"password": "una nueva clave", "password_actual": "equivocada"}
    answers = [shop.usuarios.patch("/perfil", shop.admin.token, json=change) for _ in range(11)]
    assert statuses(answers) == [403] * 10 + [429]
    assert_told_to_wait(answers[-1], 300)


def test_wrong_tries_at_the_same_instant_are_counted(new_shop: NewShop) -> None:
    shop = a_limited_shop(new_shop)
    answers = at_once(lambda _: try_once(shop, shop.admin.email), list(range(40)))
    counted = statuses(answers)
    assert set(counted) == {401, 429}
    # Two hashes are made at a time: the second may begin before the first is counted.
    assert counted.count(401) in (10, 11)


def test_zero_turns_the_limit_off(new_shop: NewShop) -> None:
    shop = a_limited_shop(new_shop, LIMITE_ACCESOS="0")
    assert statuses([try_once(shop, shop.admin.email) for _ in range(15)]) == [401] * 15
    assert shop.usuarios.sql("SELECT 1 FROM intentos WHERE cuenta IS NOT NULL") == []


def test_the_counters_know_no_email(new_shop: NewShop) -> None:
    shop = a_limited_shop(new_shop)
    try_once(shop, "canario@pingui.test")
    rows = shop.usuarios.sql("SELECT cuenta FROM intentos WHERE cuenta IS NOT NULL")
    assert len(rows) == 1
    assert "canario" not in rows[0].cuenta


def register(shop: Shop, name: str, address: str = "", **changes: str) -> requests.Response:
    account = {"nombre": "Ana", "email": f"{name}@pingui.test", "password": "12345678", **changes}
    headers = {"X-Forwarded-For": address} if address else {}
    return shop.usuarios.post("/registro", json=account, headers=headers)


def test_an_address_makes_so_many_accounts_an_hour_and_only_successes_count(new_shop: NewShop) -> None:
    shop = a_limited_shop(
        new_shop, LIMITE_REGISTROS="4", PROXIES_CONFIABLES="127.0.0.1"
    )  # the admin is the first
    for number in range(3):
        assert register(shop, f"nueva{number}").status_code == 201
        assert register(shop, f"nueva{number}").status_code == 400
        assert register(shop, "mala", password="corta").status_code == 400
        assert try_once(shop, f"nueva{number}@pingui.test").status_code == 401
    assert_told_to_wait(register(shop, "otra"), 3600)
    shop.usuarios.kill()
    shop.usuarios.start()
    assert_told_to_wait(register(shop, "otra"), 3600)
    assert register(shop, "otra", "203.0.113.7").status_code == 201
    let_time_pass(shop, HOUR)
    assert register(shop, "otra-mas").status_code == 201


def test_registrations_at_the_same_instant_do_not_pass_the_limit(new_shop: NewShop) -> None:
    shop = a_limited_shop(new_shop, LIMITE_REGISTROS="4")
    answers = at_once(lambda number: register(shop, f"nueva{number}"), list(range(12)))
    assert sorted(statuses(answers)) == [201] * 3 + [429] * 9


def test_an_unknown_email_takes_as_long_as_a_wrong_password(shop: Shop) -> None:
    person = shop.person()
    seconds: dict[str, list[float]] = {person.email: [], "nadie@tiempo.test": []}
    for _ in range(60):
        for email, taken in seconds.items():
            started = time.perf_counter()
            assert try_once(shop, email).status_code == 401
            taken.append(time.perf_counter() - started)
    known, unknown = (statistics.median(taken) for taken in seconds.values())
    assert known > 0.01  # a hash was made
    assert 0.8 < known / unknown < 1.25


@pytest.fixture(scope="module")
def crowd(shop: Shop) -> list[Person]:
    return [shop.person() for _ in range(10)]


def test_a_crowd_signs_in_within_bounds(shop: Shop, crowd: list[Person]) -> None:
    started = time.monotonic()
    answers = at_once(lambda person: try_once(shop, person.email, person.password), crowd * 3)
    assert statuses(answers) == [200] * 30
    assert time.monotonic() - started < 15


def test_a_bigger_crowd_is_asked_to_come_back_and_the_rest_is_served(shop: Shop, crowd: list[Person]) -> None:
    answers = at_once(
        lambda number: (
            shop.usuarios.get("/health")
            if number % 10 == 0
            else try_once(shop, crowd[number % 10].email, crowd[number % 10].password)
        ),
        list(range(150)),
    )
    assert set(statuses(answers)) == {200, 503}
    assert all(answer.status_code == 200 for answer in answers[::10])
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status_code == 503)
    assert try_once(shop, crowd[0].email, crowd[0].password).status_code == 200
