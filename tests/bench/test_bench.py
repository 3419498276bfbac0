"""The benchmark compares equals, says what failed, and makes its report; how fast anything is, is not asked here."""

import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import requests

from bench import data, kept, report
from bench.findings import Finding, Result, Spread, least, most
from bench.growth import visited
from bench.growth.calls import CALLS, Call
from bench.load import Load, LoadError, Measured, signed
from bench.noise import MOST_IN_ALL, Guard
from bench.people import token
from bench.programs import Peer, Shop, running, scratch
from bench.rounds import SHOP, Session
from bench.rows import reads, whole

SHOPPER = 5  # the number of an account


def silent(_progress: str) -> None:
    """Nobody looks."""


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with scratch() as folder:
        kept.copy_of(data.SMALL, folder, silent)
        shop = Shop(folder)
        with running(shop):
            yield shop


@pytest.fixture(scope="module")
def headers(shop: Shop) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(shop, SHOPPER)}"}


@pytest.mark.parametrize(
    ("service", "path", "length"),
    [("productos", "/productos", data.SMALL.products), ("pedidos", f"/pedidos/usuario/{SHOPPER}", 20)],
)
def test_peers_answer_what_the_shop_answers(
    shop: Shop, headers: dict[str, str], service: str, path: str, length: int
) -> None:
    ours = requests.get(shop.address(service) + path, headers=headers, timeout=10)
    assert len(ours.json()) == length
    peers = reads.started(shop.folder, service)
    with running(*peers.values()):
        for peer in peers.values():
            theirs = requests.get(peer.address + path, headers=headers, timeout=10)
            assert theirs.json() == ours.json()
            assert requests.get(peer.address + path, timeout=10).status_code == 401


def test_the_limit_answers_the_shops_bytes(shop: Shop, headers: dict[str, str]) -> None:
    load = Load.of(
        shop.address("productos"),
        [signed("/productos", headers["Authorization"].split()[1])],
        shop.folder / "requests",
    )
    limit = reads.at_the_limit(shop.folder, load)
    with running(limit):
        theirs = requests.get(f"{limit.address}/productos", timeout=10)
        ours = requests.get(f"{shop.address('productos')}/productos", headers=headers, timeout=10)
        assert theirs.content == ours.content


def test_the_original_stores_an_order(shop: Shop, headers: dict[str, str]) -> None:
    file = shop.folder / "orders-of-the-original.db"
    shutil.copy(shop.folder / "peers" / "pedidos.db", file)
    original = Peer(shop.folder, "original", "pedidos", str(file), "PORT")
    with running(original):
        body = {"usuario_id": SHOPPER, "producto_id": 3, "cantidad": 2}
        answer = requests.post(f"{original.address}/pedidos", json=body, headers=headers, timeout=10)
        assert (answer.status_code, answer.json()) == (201, {"mensaje": "Pedido creado correctamente"})
        listed = requests.get(
            f"{original.address}/pedidos/usuario/{SHOPPER}", headers=headers, timeout=10
        ).json()
        assert {**body, "estado": "pendiente"}.items() <= listed[-1].items()


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk, which drives the load, is not installed")
def test_a_small_run_makes_a_report(tmp_path: Path) -> None:
    session = Session(True, silent)
    reads.health(session)
    whole.memory_after_journey(session)
    report.write(session.result, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "README.md",
        "figures.json",
        "latency.svg",
        "memory.svg",
        "targets.svg",
    }
    for drawing in tmp_path.glob("*.svg"):
        assert ElementTree.parse(drawing).getroot().tag.endswith("svg")  # noqa: S314 - our own
    document = (tmp_path / "README.md").read_text()
    assert "| GET /health, 16 connections | limit | ≥ 25 % |" in document
    assert "≤ 200 MiB" in document
    result = msgspec.json.decode((tmp_path / "figures.json").read_bytes(), type=Result)
    assert [found.errors for found in result.findings] == [0, 0]
    assert set(result.bars["after a full journey"]) == {"usuarios", "productos", "pedidos", "storefront"}


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk, which drives the load, is not installed")
def test_refused_requests_are_counted_and_no_good_answers(shop: Shop, tmp_path: Path) -> None:
    load = Load.of(shop.address("productos"), [signed("/productos", "forged")], tmp_path / "requests")
    turn = load.run(4, 1)
    assert turn.failed == turn.requests > 0
    assert turn.rate == 0
    with pytest.raises(LoadError, match="answered 401"):
        load.check()


def a_turn(requests: int, failed: int = 0) -> Measured:
    return Measured(requests, 1.0, 1000, failed, {50: 1.0, 99: 10.0})


def test_an_error_of_the_shop_fails_its_row() -> None:
    session = Session(True, silent)
    taken = {SHOP: [a_turn(1000, failed=1)], "original": [a_turn(10)]}
    session.compare("row", "work", taken, "original", least(20))
    assert session.result.findings[0].spread.median > 20
    assert session.result.findings[0].missed
    assert "**1 errors**" in report.table(session.result.findings)


def test_an_error_of_a_peer_is_told() -> None:
    session = Session(True, silent)
    taken = {SHOP: [a_turn(1000)], "original": [a_turn(10, failed=5)]}
    session.compare("row", "work", taken, "original", least(20))
    assert not session.result.findings[0].missed
    assert session.result.findings[0].spread.median == 200
    assert session.result.notes == ["work: original failed in 5 of 10 requests"]


@pytest.mark.parametrize(
    ("target", "figure", "missed"),
    [(least(20), 20.0, False), (least(20), 19.9, True), (most(1.5), 1.5, False), (most(1.5), 1.6, True)],
)
def test_what_misses_its_target_is_named(target: object, figure: float, missed: bool) -> None:
    spread = Spread(figure, figure, figure)
    result = Result([Finding("row", "work", "original", "×", spread, target)])  # type: ignore[arg-type]
    assert ("work, against original" in report.missed(result)) == missed


def test_ratios_are_of_rounds_side_by_side() -> None:
    assert Spread.of_ratios([10, 40, 30], [1, 2, 10]) == Spread(10, 3, 20)


def test_a_noisy_turn_is_repeated_and_its_quietest_kept() -> None:
    looks = iter([1.0, 1.0, 1.0, 1.5, 1.0, 1.0, 1.4, 1.3, 1.2])
    turns = iter("abcdefg")
    guard = Guard(look=lambda: next(looks))
    assert guard.quietly(lambda: next(turns)) == "a"
    assert (guard.repeated, guard.noisy) == (0, 0)
    assert guard.quietly(lambda: next(turns)) == "d"
    assert (guard.repeated, guard.noisy) == (2, 0)


def test_costs_stand_by_program() -> None:
    costs = {
        "bare": {"bare server": 45.2, "client": 20.0},
        "GET /health": {"client": 17.0, "productos": 87.4, "pedidos": 0.1},
    }
    assert report.cost_table(costs).splitlines() == [
        "| one request | bare server | client | productos | pedidos |",
        "|---|---|---|---|---|",
        "| bare | 45 | 20 |  |  |",
        "| GET /health |  | 17 | 87 |  |",
    ]


def test_a_machine_that_stays_noisy_is_told() -> None:
    looks = iter([1.0, 2.0, 1.5, 1.4])
    turns = iter("abc")
    guard = Guard(look=lambda: next(looks))
    assert guard.quietly(lambda: next(turns)) == "c"
    assert (guard.turns, guard.repeated, guard.noisy) == (1, 2, 1)


@pytest.fixture(scope="module")
def somebody(shop: Shop) -> visited.Visited:
    return visited.Visited(data.SMALL, shop)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_every_call_of_the_growth_run_is_answered(
    somebody: visited.Visited, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visited, "CALLS", 2)
    assert somebody.p95(call) > 0


def test_a_run_has_an_end_however_noisy_the_machine_is() -> None:
    slower = iter(1.0 * 1.2**number for number in range(1000))
    turns = iter(range(1000))
    guard = Guard(look=lambda: next(slower))
    for _ in range(50):
        guard.quietly(lambda: next(turns))
    assert guard.repeated == MOST_IN_ALL
    assert next(turns) == 50 + MOST_IN_ALL
