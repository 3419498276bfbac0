"""The two stores keep one promise: a file for a storefront that is alone, Redis for several."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from storefront import local_store, shared_store
from storefront.store import (
    DONE,
    NOT_PLACED,
    REFUSED,
    SENDING,
    UNKNOWN,
    WAITING,
    PurchaseLine,
    Store,
    open_store,
)
from tests import redis_server
from tests.redis_server import RedisServer
from tests.shop import ROOT

ANA, LUIS = 7, 8
LINES = [PurchaseLine(30, "Gorro ñ", 2, 12990), PurchaseLine(4, "Taza", 1, 5000)]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["sqlite", "redis"])
def reopen(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Store]]:
    """Opens the store again, as a storefront does that starts or a second one that shares it."""
    url = ""
    if request.param == "redis":
        url = request.getfixturevalue("redis").url
        with Redis.from_url(url) as client:
            client.flushall()
    opened: list[Store] = []

    def again() -> Store:
        opened.append(open_store(tmp_path / "storefront.db", url))
        return opened[-1]

    yield again
    for one in opened:
        one.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


def all_at_once(calls: list[Callable[[], bool]]) -> list[bool]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: call(), calls))


def test_an_ended_session_is_ended_for_all_and_after_a_restart(
    store: Store, reopen: Callable[[], Store]
) -> None:
    assert not store.has_ended("one")
    store.end_session("one", time.time() + 100)
    store.end_session("one", time.time() + 100)
    assert [one.has_ended("one") for one in (store, reopen())] == [True, True]
    assert not store.has_ended("two")


def test_it_says_what_it_is_and_that_it_can_be_read(store: Store, request: pytest.FixtureRequest) -> None:
    assert store.backend in request.node.name
    store.check()


def test_a_secret_is_made_once(store: Store, reopen: Callable[[], Store]) -> None:
    second = reopen()
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda turn: (store, second)[turn % 2].secret("cookies"), range(16)))
    assert len(made) == 1
    assert len(made.pop()) >= 64
    assert store.secret("other") != store.secret("cookies")


def test_the_first_person_is_noticed(store: Store, reopen: Callable[[], Store]) -> None:
    assert not store.has_seen_somebody()
    store.see_somebody()
    store.see_somebody()
    assert reopen().has_seen_somebody()


def test_a_kept_form_is_for_its_owner_for_a_while(store: Store, reopen: Callable[[], Store]) -> None:
    own, anybodys = store.keep_form(b"\x00:a\n", ANA), store.keep_form(b"b", None)
    passing = store.keep_form(b"c", ANA, seconds=0.01)
    other = reopen()
    assert other.kept_form(own, ANA) == b"\x00:a\n"
    assert other.kept_form(own, LUIS) is None
    assert other.kept_form(anybodys, LUIS) == b"b"
    assert other.kept_form("no such name", ANA) is None
    deadline = time.monotonic() + 5
    while other.kept_form(passing, ANA) is not None:
        assert time.monotonic() < deadline


def test_a_key_is_used_once_by_whoever_comes_first(store: Store, reopen: Callable[[], Store]) -> None:
    second = reopen()
    assert sum(all_at_once([lambda: store.use_key("k"), lambda: second.use_key("k")] * 8)) == 1
    store.free_key("k")
    assert second.use_key("k")
    assert not store.use_key("k")
    assert store.use_key("short", seconds=0.01)
    deadline = time.monotonic() + 5
    while not second.use_key("short", seconds=0.01):
        assert time.monotonic() < deadline


def test_a_purchase_is_written_down_once(store: Store, reopen: Callable[[], Store]) -> None:
    second = reopen()
    calls = [lambda: store.begin_purchase("c", ANA, LINES), lambda: second.begin_purchase("c", ANA, [])] * 4
    assert sum(all_at_once(calls)) == 1
    assert store.begin_purchase("d", ANA, LINES)
    assert second.purchase("d", ANA) == sorted(LINES, key=lambda line: line.producto_id)
    assert second.purchase("d", LUIS) is None
    assert second.purchase("e", ANA) is None


def test_a_line_is_sent_by_one_alone(store: Store, reopen: Callable[[], Store]) -> None:
    second = reopen()
    store.begin_purchase("c", ANA, LINES)
    claims = [
        lambda: store.claim_line("c", 4, also_unknown=True),
        lambda: second.claim_line("c", 4, also_unknown=True),
    ]
    assert sum(all_at_once(claims * 8)) == 1
    outcomes = {line.producto_id: line.outcome for line in second.purchase("c", ANA) or []}
    assert outcomes == {4: SENDING, 30: WAITING}
    assert not store.claim_line("c", 5, also_unknown=True)
    assert not store.claim_line("no", 4, also_unknown=True)


@pytest.mark.parametrize(
    ("outcome", "plainly", "with_its_key"),
    [
        (DONE, False, False),
        (REFUSED, False, False),
        (NOT_PLACED, True, True),
        (UNKNOWN, False, True),
    ],
)
def test_what_may_be_sent_again(store: Store, outcome: str, plainly: bool, with_its_key: bool) -> None:
    for compra_id, also_unknown, expected in (("p", False, plainly), ("k", True, with_its_key)):
        store.begin_purchase(compra_id, ANA, LINES)
        assert store.claim_line(compra_id, 4, also_unknown)
        store.settle_line(compra_id, 4, outcome, "sin_stock", 99 if outcome == DONE else None)
        assert store.claim_line(compra_id, 4, also_unknown) is expected


def test_an_outcome_is_kept_with_its_reason_and_number(store: Store, reopen: Callable[[], Store]) -> None:
    store.begin_purchase("c", ANA, LINES)
    store.settle_line("c", 4, DONE, pedido_id=12)
    store.settle_line("c", 30, REFUSED, "sin_stock")
    store.settle_line("c", 5, DONE, pedido_id=1)
    store.settle_line("no", 4, DONE, pedido_id=1)
    assert reopen().purchase("c", ANA) == [
        PurchaseLine(4, "Taza", 1, 5000, DONE, "", 12),
        PurchaseLine(30, "Gorro ñ", 2, 12990, REFUSED, "sin_stock"),
    ]
    assert store.purchase("no", ANA) is None


def test_a_line_that_somebody_died_over_is_unknown_and_may_be_sent_with_its_key(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.begin_purchase("c", ANA, LINES)
    assert store.claim_line("c", 4, also_unknown=False)
    for module in (local_store, shared_store):
        monkeypatch.setattr(module, "ABANDONED_SECONDS", -2.0)
    assert {line.outcome for line in store.purchase("c", ANA) or []} == {UNKNOWN, WAITING}
    assert not store.claim_line("c", 4, also_unknown=False)
    assert store.claim_line("c", 4, also_unknown=True)


def test_old_purchases_are_forgotten_and_new_ones_are_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (local_store, shared_store):
        monkeypatch.setattr(module, "PURCHASE_SECONDS", 1.0)
    store.begin_purchase("old", ANA, LINES)
    deadline = time.monotonic() + 10
    for number in itertools.count():
        assert time.monotonic() < deadline
        store.begin_purchase(f"new {number}", ANA, LINES)
        if store.purchase("old", ANA) is None:
            break
    assert number
    assert store.purchase(f"new {number}", ANA)


def test_the_client_of_redis_is_not_loaded_without_redis(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from storefront.app import create_app
from storefront.store import open_store
open_store(Path({str(tmp_path / "storefront.db")!r}), "").close()
sys.exit("redis" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_each_ended_session_and_each_key_leaves_in_time(redis: RedisServer) -> None:
    """What is kept in Redis for ever would fill its memory: only the secrets of DEBUG have no end."""
    with closing(open_store(Path(), redis.url)) as store, Redis.from_url(redis.url) as client:
        client.flushall()
        store.end_session("one", time.time() + 100)
        store.keep_form(b"a", ANA)
        store.use_key("k")
        store.begin_purchase("c", ANA, LINES)
        store.claim_line("c", 4, also_unknown=False)
        store.settle_line("c", 4, DONE)
        left = {name.decode(): client.ttl(name) for name in client.scan_iter()}
    assert len(left) == 4
    assert all(0 < seconds <= 30 * 86400 for seconds in left.values())
    assert left["pingui:ended:one"] <= 101
