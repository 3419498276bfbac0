"""Programs that stand still for a while (F4), and clocks that are wrong (F12): safety depends on no clock."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import proxy
from tests.api.sagas import poll
from tests.faults.conftest import Stage
from tests.faults.customers import ApiCustomer, Crowd, an_intention
from tests.faults.history import OK, Intention
from tests.faults.selection import chosen
from tests.faults.supervisor import GRACIA, RESERVAS, FaultyShop
from tests.shop import ROOT, Service

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
SLEEP = Path(__file__).with_name("faketime")
needs_faketime = pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed")
# Seconds until a program has looked at its clock's file again. Did it look at each call, its threads would wait seconds
# for one another in libfaketime's lock.
IN_FORCE = 1.1
STOPPED = [("productos", 10.0), ("pedidos", 10.0), ("usuarios", 10.0), ("storefront", 10.0)]


@pytest.mark.parametrize(("name", "seconds"), chosen(STOPPED, [("pedidos", 6.0)]))
def test_stopped_and_continued(stage: Stage, name: str, seconds: float) -> None:
    """F4: a program stands still beyond every deadline and the grace, and goes on in the middle of what it did."""
    shop = stage.shop
    products = [shop.a_producto(stock=100_000), shop.a_producto(stock=20)]
    customers = [stage.a_customer() for _ in range(6)] + [stage.a_shopper() for _ in range(4)]
    if name in ("pedidos", "storefront"):
        stage.late = {name: seconds + 2}
    with Crowd(customers, products, stage.seed):
        stage.until_more_ok()
        shop.program(name).pause()
        time.sleep(seconds)
        shop.program(name).resume()
        stage.until_more_ok()


class Clock:
    """The clock of some programs, set by libfaketime: what they are told is the time, ``set`` forward or back."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.set("+0")

    def set(self, offset: str) -> None:
        """``offset`` such as +10m, -20s, +40d; every program has it when this returns."""
        side = self.file.with_suffix(".new")
        side.write_text(offset + "\n")
        side.replace(self.file)
        time.sleep(IN_FORCE)

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[-1]),
            "PYTHONPATH": f"{SLEEP}{os.pathsep}{ROOT}",
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "0",  # looks again in each new second
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


@contextmanager
def clock_of(shop: FaultyShop, programs: list[Service], folder: Path) -> Iterator[Clock]:
    """Programs started anew under a clock of their own, and at the end under everybody's."""
    clock = Clock(folder / "clock")
    before = {program: program.environment for program in programs}
    for program in programs:
        start_anew(shop, program, {**program.environment, **clock.environment()})
    try:
        yield clock
    finally:
        for program in programs:
            start_anew(shop, program, before[program])


def start_anew(shop: FaultyShop, program: Service, environment: dict[str, str]) -> None:
    with shop.supervisor.resting(program):
        program.kill()
        program.environment = environment
        program.start()


WRONG = [
    (name, offset)
    for name in ("pedidos", "productos", "usuarios")
    for offset in ("+20", "-20", "+10m", "-10m", "+40d")
]
SHORT = [("pedidos", "-10m")]


@needs_faketime
@pytest.mark.parametrize(("name", "offset"), chosen(WRONG, SHORT))
def test_a_wrong_clock(stage: Stage, tmp_path: Path, name: str, offset: str) -> None:
    """F12: within the leeway of tokens everything works; beyond it calls are refused, and all is well when the clock is."""
    shop, product = stage.shop, stage.shop.a_producto(stock=100_000)
    customers = [stage.a_customer() for _ in range(4)]
    with clock_of(shop, [shop.program(name)], tmp_path) as clock, Crowd(customers, [product], stage.seed):
        stage.until_more_ok(5)
        clock.set(offset)
        if offset in ("+20", "-20"):
            stage.until_more_ok(20)
        else:
            time.sleep(chosen([6.0], [3.0])[0])
        clock.set("+0")
        stage.until_more_ok()


@needs_faketime
@pytest.mark.parametrize("offset", chosen(["+10m", "-10m"], ["+10m"]))
def test_a_step_in_the_middle_of_an_order(stage: Stage, tmp_path: Path, offset: str) -> None:
    """F12: grace and leases are monotonic: an order under way is not undone early, an abandoned one is in the end."""
    shop, product = stage.shop, stage.shop.a_producto(stock=5)
    customer, abandoned = stage.a_customer(), stage.a_customer()
    with clock_of(shop, [shop.pedidos], tmp_path) as clock:
        shop.hops[RESERVAS].once("PUT", proxy.before_delivery(lambda: slow_step(clock, offset)))
        assert customer.order(an_intention(customer.person, product)).outcome == OK
        clock.set("+0")
        shop.hops[RESERVAS].always("PUT", proxy.reply_lost)
        assert abandoned.order(an_intention(abandoned.person, product)).status == 503
        shop.hops[RESERVAS].heal()
        slow_step(clock, offset)
        clock.set("+0")
        poll(lambda: fases(shop, product) == ["confirmado", "abortado"])


def slow_step(clock: Clock, offset: str) -> None:
    clock.set(offset)
    time.sleep(GRACIA * 1.5 - IN_FORCE)


def fases(shop: FaultyShop, product: int) -> list[str]:
    rows = shop.pedidos.sql("SELECT fase FROM pedidos WHERE producto_id = :id ORDER BY id", id=product)
    return [fase for (fase,) in rows]


@needs_faketime
def test_forty_days_later(stage: Stage, tmp_path: Path) -> None:
    """F12, P4: the key of an order stands for it for ever; a token does not."""
    shop, product = stage.shop, stage.shop.a_producto(stock=5)
    customer = stage.a_customer()
    with clock_of(shop, list(shop.services), tmp_path) as clock:
        wanted = an_intention(customer.person, product)
        first = customer.order(wanted)
        assert first.outcome == OK
        clock.set("+40d")
        assert customer.order(an_intention(customer.person, product)).status == 401
        again = ApiCustomer(
            shop, stage.history, shop.sign_in(customer.person.email, customer.person.password)
        )
        assert repeated(again, wanted) == first.order
        assert again.order(an_intention(customer.person, product)).outcome == OK


def repeated(customer: ApiCustomer, wanted: Intention) -> int | None:
    call = customer.order(wanted)
    assert call.outcome == OK
    return call.order


@pytest.mark.parametrize("zone", ["America/Argentina/Buenos_Aires", "Asia/Tokyo"])
def test_another_time_zone(stage: Stage, zone: str) -> None:
    """F12: a program in another zone means the same moments."""
    shop, product = stage.shop, stage.shop.a_producto(stock=50)
    for program in shop.services:
        before = program.environment
        start_anew(shop, program, {**before, "TZ": zone})
        customer = stage.a_customer()
        assert customer.order(an_intention(customer.person, product)).outcome == OK
        start_anew(shop, program, before)
