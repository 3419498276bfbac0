"""Programs killed: between messages (F2), at every write and sync (F1), at random under load (F3)."""

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.api.sagas import at_once, poll
from tests.faults import strace
from tests.faults.checker import LIMITS, stock_sampled
from tests.faults.conftest import Stage
from tests.faults.customers import ApiCustomer, Crowd, Shopper, an_intention
from tests.faults.history import OK, Intention
from tests.faults.selection import EVERYTHING, chosen
from tests.faults.supervisor import RESERVAS, TO_PEDIDOS, FaultyShop
from tests.proxy import Exchange, Fault
from tests.shop import Service

METHODS = {TO_PEDIDOS: "POST", RESERVAS: "PUT"}
Point = Callable[[Callable[[], None]], Fault]


def request_seen(act: Callable[[], None]) -> Fault:
    def fault(exchange: Exchange) -> None:
        act()
        exchange.answer(exchange.deliver())

    return fault


def request_delivered(act: Callable[[], None]) -> Fault:
    return lambda exchange: exchange.answer(exchange.deliver(sent=act))


def reply_seen(act: Callable[[], None]) -> Fault:
    def fault(exchange: Exchange) -> None:
        reply = exchange.deliver()
        act()
        exchange.answer(reply)

    return fault


def reply_delivered(act: Callable[[], None]) -> Fault:
    def fault(exchange: Exchange) -> None:
        exchange.answer(exchange.deliver())
        # The connection goes on meanwhile: its next request may be one of those that are waited for.
        threading.Thread(target=act, daemon=True).start()

    return fault


POINTS = (request_seen, request_delivered, reply_seen, reply_delivered)
BETWEEN = [
    (hop, point, victim)
    for hop in METHODS
    for point in POINTS
    for victim in ("storefront", "pedidos", "productos")
]
SHORT = [
    (TO_PEDIDOS, request_delivered, "storefront"),
    (TO_PEDIDOS, reply_delivered, "pedidos"),
    (RESERVAS, reply_seen, "pedidos"),
]


@pytest.mark.parametrize(("hop", "point", "victim"), chosen(BETWEEN, SHORT))
def test_killed_between_messages(stage: Stage, hop: str, point: Point, victim: str) -> None:
    """F2: three purchases are at one point when ``victim`` dies; one is retried, one left, one made anew."""
    shop, product = stage.shop, stage.shop.a_producto(stock=10)
    shoppers = [stage.a_shopper() for _ in range(3)]
    prepared = [poll(partial(shopper.ready_to_buy, product)) for shopper in shoppers]
    together, dead = threading.Barrier(3), threading.Event()

    def kill() -> None:
        if together.wait(10) == 0:
            shop.supervisor.kill(shop.program(victim))
            dead.set()
        dead.wait(10)

    shop.hops[hop].once(METHODS[hop], *[point(kill)] * 3)
    at_once([partial(shopper.confirm, *bought) for shopper, bought in zip(shoppers, prepared, strict=True)])
    assert dead.wait(10)
    shop.supervisor.wait_ready()
    until_bought(shoppers[0], prepared[0])
    until_bought(shoppers[2], poll(partial(shoppers[2].ready_to_buy, product)))


def until_bought(shopper: Shopper, bought: tuple[Intention, str]) -> None:
    poll(lambda: shopper.confirm(*bought).outcome == OK)


SYNC, WRITE, SEND = "fdatasync", "pwrite64", "sendto"
MOST = 60  # system calls of one kind in one order
EVERY = {SYNC: 1, WRITE: 1 if EVERYTHING else 7, SEND: 1 if EVERYTHING else 7}  # which of them


@pytest.mark.skipif(bool(strace.missing()), reason=strace.missing())
@pytest.mark.parametrize(
    ("backend", "call"),
    [("sqlite", SYNC), ("sqlite", WRITE), ("postgresql", SEND)],
    indirect=["backend"],
    scope="session",
)
@pytest.mark.parametrize("victim", ["pedidos", "productos"])
def test_killed_at_every_system_call(stage: Stage, victim: str, call: str) -> None:
    """F1: at each sync and write of three orders the program dies; one is retried, one left, one made anew.

    On PostgreSQL the program itself writes no file: there each message that it sends stands for a step.
    """
    shop, product = stage.shop, stage.shop.a_producto(stock=1000)
    customers = [stage.a_customer() for _ in range(3)]
    first = stage.chance.randrange(EVERY[call]) + 1
    for number in range(first, MOST, EVERY[call]):
        if not kill_at(shop, shop.program(victim), call, number, customers, product):
            break
    assert shop.supervisor.kills[victim] > 0


def kill_at(
    shop: FaultyShop, program: Service, call: str, number: int, customers: list[ApiCustomer], product: int
) -> bool:
    """Whether the program died before the three orders were through."""
    wanted = [an_intention(customer.person, product) for customer in customers]
    with strace.killed_at(program, call, number) as pid:
        at_once([partial(customer.order, one) for customer, one in zip(customers, wanted, strict=True)])
        died = not strace.lives(pid)
    if died:
        shop.supervisor.kills[program.name] += 1
    shop.supervisor.wait_ready()
    until_ordered(customers[0], wanted[0])
    until_ordered(customers[2], an_intention(customers[2].person, product))
    return died


def until_ordered(customer: ApiCustomer, wanted: Intention) -> None:
    poll(lambda: customer.order(wanted).outcome == OK)


@pytest.mark.parametrize("seconds", chosen([180.0], [12.0]))
def test_killed_at_random_under_load(stage: Stage, seconds: float) -> None:
    """F3: for three minutes a random program dies every 0.3 to 2 s, while sixteen clients buy and cancel."""
    shop = stage.shop
    products = [shop.a_producto(stock=500), shop.a_producto(stock=40), shop.a_producto()]
    customers = [stage.a_customer() for _ in range(10)] + [stage.a_shopper() for _ in range(6)]
    stage.late = dict.fromkeys(LIMITS, 2.0)  # programs that start take the processors from those that answer
    ends = time.monotonic() + seconds
    with stock_sampled(shop) as below, Crowd(customers, products, stage.seed, again=0.7):
        while time.monotonic() < ends:
            time.sleep(stage.chance.uniform(0.3, 2))
            victim = stage.chance.choice(shop.programs)
            shop.supervisor.kill(victim)
    assert below == []
    assert stage.history.outcomes()[OK] > seconds
