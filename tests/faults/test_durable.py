"""What is acknowledged has reached the disk before the answer leaves (F17, P15)."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.api.sagas import at_once, poll
from tests.faults import powercut, strace
from tests.faults.checker import LIMITS
from tests.faults.conftest import Stage
from tests.faults.customers import Crowd, an_intention
from tests.faults.history import OK
from tests.faults.selection import chosen
from tests.faults.supervisor import FaultyShop
from tests.postgres import PostgreSQL

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True, scope="session")
POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"], indirect=True, scope="session")


@SQLITE
@pytest.mark.skipif(bool(strace.missing()), reason=strace.missing())
def test_a_power_cut_takes_no_acknowledged_order(stage: Stage, tmp_path: Path) -> None:
    """F17: at the moment in which each 201 leaves, the files as of their last sync hold the order and its stock."""
    shop, product = stage.shop, stage.shop.a_producto(stock=1000)
    customers = [stage.a_customer() for _ in range(4)]
    rounds, log = chosen([25], [6])[0], tmp_path / "strace.log"
    with strace.attached([shop.pedidos, shop.productos], "-o", str(log), *powercut.OPTIONS):
        disk = powercut.Disk(files_of(shop))
        for _ in range(rounds):
            customers[0].order(
                an_intention(customers[0].person, product)
            )  # one alone: its syncs can be counted
        for _ in range(rounds):
            at_once([partial(one.order, an_intention(one.person, product)) for one in customers])
    placed = {call.order for call in stage.history.calls if call.outcome == OK}
    told: list[int] = []
    before = dict(disk.syncs)
    for event in powercut.events(log):
        disk.see(event)
        number = powercut.acknowledged(event)
        if number is None:
            continue
        told.append(number)
        synced = {file.name: disk.syncs[file] - before[file] for file in before}
        if len(told) <= rounds:
            assert synced["pedido.db-wal"] >= 2, f"order {number} left after {synced}"
            assert synced["productos.db-wal"] >= 1, f"order {number} left after {synced}"
        before = dict(disk.syncs)
        disk.after_a_power_cut(tmp_path / "left")
        assert lost(tmp_path / "left", told) == [], f"a power cut when order {number} was told"
    assert set(told) == placed
    assert len(told) == 5 * rounds


def files_of(shop: FaultyShop) -> list[Path]:
    return [
        shop.folder / f"{name}{ending}" for name in ("pedido.db", "productos.db") for ending in ("", "-wal")
    ]


def lost(folder: Path, told: list[int]) -> list[str]:
    """What acknowledged orders miss in the files that a power cut left."""
    with (
        closing(sqlite3.connect(folder / "pedido.db")) as pedidos,
        closing(sqlite3.connect(folder / "productos.db")) as productos,
    ):
        missing = [
            f"{name}: {line}"
            for name, opened in (("pedidos", pedidos), ("productos", productos))
            for (line,) in opened.execute("PRAGMA integrity_check")
            if line != "ok"
        ]
        held = {row[0] for row in productos.execute("SELECT id FROM reservas WHERE estado = 'tomada'")}
        orders = dict(pedidos.execute("SELECT id, reserva_id FROM pedidos WHERE fase = 'confirmado'"))
    missing += [f"order {number}" for number in told if number not in orders]
    return missing + [f"stock of {number}" for number in told if orders.get(number) not in held]


@POSTGRESQL
def test_a_crash_of_postgresql_takes_no_acknowledged_order(stage: Stage, postgresql: PostgreSQL) -> None:
    """F17 on PostgreSQL: its server dies the moment after an answer, and under load; nothing told is gone."""
    product, customer = stage.shop.a_producto(stock=1000), stage.a_customer()
    stage.late = dict.fromkeys(LIMITS, 5.0)  # until the server is back
    for _ in range(chosen([10], [2])[0]):
        poll(lambda: customer.order(an_intention(customer.person, product)).outcome == OK)
        postgresql.stop()
        postgresql.start()
    crowd = [stage.a_customer() for _ in range(8)]
    with Crowd(crowd, [product], stage.seed):
        for _ in range(chosen([10], [2])[0]):
            stage.until_more_ok()
            postgresql.stop()
            postgresql.start()
