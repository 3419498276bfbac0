"""Messages doubled and in disorder (F5), replies lost (F6), slow (F7) and false (F8)."""

import random
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests import commits, proxy
from tests.api.sagas import poll
from tests.faults.conftest import Stage, staged
from tests.faults.customers import ApiCustomer, Crowd, Shopper, an_intention
from tests.faults.history import OK, UNKNOWN, Intention
from tests.faults.nonsense import NONSENSE, trap
from tests.faults.selection import chosen
from tests.faults.supervisor import RESERVAS, TO_PEDIDOS, TO_PRODUCTOS, TO_USUARIOS, FaultyShop
from tests.postgres import PostgreSQL
from tests.proxy import Exchange, Fault
from tests.shop import Service

PROMPT = 1.0  # seconds: 0.3 on a machine that does nothing else


LONG_AFTER = 5.5  # seconds: its order was given up and undone by then


class Disorder:
    """Every request arrives twice, the second time late. A fifth waits until the next has passed, a third for a while, and
    one in twenty until nobody wants it any more.
    """

    def __init__(self, chance: random.Random) -> None:
        self.under_way = 0
        self._chance = chance
        self._lock = threading.Lock()
        self._waiting: threading.Event | None = None

    def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            self.under_way += 2
            kind, again = self._chance.random(), self._chance.uniform(0, 1.5)
            passed, self._waiting = self._waiting, None
            mine = self._waiting = threading.Event() if kind < 0.2 and passed is None else None
        if mine:
            mine.wait(0.5)
        elif kind < 0.5:
            exchange.stopped.wait(kind)
        elif kind > 0.95:
            exchange.stopped.wait(LONG_AFTER)
        reply = self._deliver(exchange, 0)
        if passed:
            passed.set()
        threading.Thread(target=self._deliver, args=(exchange, again), daemon=True).start()
        exchange.answer(reply)

    def _deliver(self, exchange: Exchange, seconds: float) -> bytes:
        exchange.stopped.wait(seconds)
        try:
            return exchange.deliver()
        finally:
            with self._lock:
                self.under_way -= 1


@pytest.mark.parametrize("seconds", chosen([40.0], [6.0]))
def test_doubled_and_in_disorder(stage: Stage, seconds: float) -> None:
    """F5: each message arrives twice, a third is late, neighbours change places."""
    shop = stage.shop
    products = [shop.a_producto(stock=500), shop.a_producto(stock=30)]
    customers = [stage.a_customer() for _ in range(6)] + [stage.a_shopper() for _ in range(4)]
    disorders = [Disorder(random.Random(f"{stage.seed} {hop}")) for hop in (RESERVAS, RESERVAS, TO_PEDIDOS)]
    shop.hops[RESERVAS].always("PUT", disorders[0])
    shop.hops[RESERVAS].always("DELETE", disorders[1])
    shop.hops[TO_PEDIDOS].always("POST", disorders[2])
    with Crowd(customers, products, stage.seed):
        time.sleep(seconds)
    asked = len(shop.hops[RESERVAS].seen("PUT"))
    assert asked <= 1.1 * (len(stage.history.calls) + len(shop.hops[TO_PEDIDOS].seen("POST"))) + 10
    poll(lambda: not any(disorder.under_way for disorder in disorders))
    assert stage.history.outcomes()[OK] > seconds


def test_a_reply_lost_once_is_asked_for_again(stage: Stage) -> None:
    """F6: the storefront repeats what it did not hear of, with the same key."""
    product, shopper = stage.shop.a_producto(stock=5), stage.a_shopper()
    bought = poll(partial(shopper.ready_to_buy, product))
    stage.shop.hops[TO_PEDIDOS].once("POST", proxy.reply_lost)
    assert shopper.confirm(*bought).outcome == OK
    assert len(stage.shop.hops[TO_PEDIDOS].seen("POST")) == 2


def a_shopper_who_bought(stage: Stage) -> Shopper:
    """So the storefront has learnt that pedidos knows keys; without that it sends nothing."""
    shopper, product = stage.a_shopper(), stage.shop.a_producto()
    assert shopper.confirm(*poll(partial(shopper.ready_to_buy, product))).outcome == OK
    return shopper


def test_replies_lost_stay_unknown_until_they_are_heard(stage: Stage) -> None:
    """F6: the page says that it does not know, and trying again finds the order that is there."""
    product, shopper = stage.shop.a_producto(stock=5), a_shopper_who_bought(stage)
    bought = poll(partial(shopper.ready_to_buy, product))
    hop = stage.shop.hops[TO_PEDIDOS]
    hop.heal()  # and forget the calls so far
    hop.always("POST", proxy.reply_lost)
    hop.always("GET", proxy.dropped)
    assert shopper.confirm(*bought).outcome == UNKNOWN
    assert len(hop.seen("POST")) <= 3
    hop.heal()
    poll(lambda: shopper.try_again(bought[0]).outcome == OK)


def test_a_refusal_after_a_lost_reply_refuses_nothing(stage: Stage) -> None:
    """F6: 503 speaks of the second try; the first one placed the order, so "not placed" would be a lie."""
    product, shopper = stage.shop.a_producto(stock=5), a_shopper_who_bought(stage)
    bought = poll(partial(shopper.ready_to_buy, product))
    hop = stage.shop.hops[TO_PEDIDOS]
    hop.once("POST", proxy.reply_lost)
    hop.always("POST", NONSENSE["503"])
    hop.always("GET", NONSENSE["503"])
    assert shopper.confirm(*bought).outcome == UNKNOWN
    assert shopper.try_again(bought[0]).outcome == UNKNOWN
    hop.heal()
    poll(lambda: shopper.try_again(bought[0]).outcome == OK)


def test_a_storefront_that_knows_nothing_yet_sends_no_order_twice(stage: Stage) -> None:
    """F6: pedidos does not tell a new storefront what it can do, and the reply to its order is lost."""
    shop, product = stage.shop, stage.shop.a_producto(stock=5)
    shopper = stage.a_shopper()
    bought = poll(partial(shopper.ready_to_buy, product))
    hop = shop.hops[TO_PEDIDOS]
    hop.always("GET", proxy.dropped)
    hop.always("POST", proxy.reply_lost)
    shop.supervisor.kill(shop.storefront)
    shop.supervisor.wait_ready()
    shopper.confirm(*bought)
    hop.heal()
    poll(lambda: shopper.try_again(bought[0]).outcome == OK)


def late(exchange: Exchange) -> None:
    exchange.stopped.wait(10)
    exchange.answer(exchange.deliver())


def unread(exchange: Exchange) -> None:
    """Only a name: such a request is not even read."""


SLOW: list[Fault] = [late, proxy.dripping, proxy.silent, unread]
WAYS = [(hop, fault) for hop in (RESERVAS, TO_PEDIDOS, TO_PRODUCTOS, TO_USUARIOS) for fault in SLOW]
SHORT = [(RESERVAS, proxy.dripping), (TO_PEDIDOS, proxy.dripping)]


@pytest.mark.parametrize(("hop", "fault"), chosen(WAYS, SHORT))
def test_slow(stage: Stage, hop: str, fault: Fault) -> None:
    """F7: every answer comes within its deadline, what does not need the slow one is prompt, and nothing is left behind."""
    shop = stage.shop
    products = [shop.a_producto(stock=500)]
    customers = [stage.a_customer() for _ in range(4)] + [stage.a_shopper() for _ in range(4)]
    callers = [shop.pedidos] if hop == RESERVAS else [shop.storefront]
    before = {program.name: held(program) for program in callers}
    for method in ("GET", "POST", "PUT", "DELETE"):
        shop.hops[hop].always(method, fault)
    shop.hops[hop].reads = fault is not unread
    with Crowd(customers, products, stage.seed, again=0.3):
        time.sleep(6)  # the breaker opens
        seconds = sorted(others_answer(shop, hop) for _ in range(40))
    assert seconds[37] < PROMPT, f"95 of 100 within {seconds[37]:.2f} s"
    shop.heal()
    shop.hops[hop].hang_up()
    poll(lambda: all(near(held(program), before[program.name]) for program in callers), 15)


def others_answer(shop: FaultyShop, hop: str) -> float:
    """How long something takes that does not need the slow service."""
    program, path = (
        (shop.pedidos, f"/pedidos/usuario/{shop.admin.id}")
        if hop == RESERVAS
        else (shop.storefront, "/productos")
    )
    begun = time.monotonic()
    answer = program.get(path, shop.admin.token)
    assert answer.status_code == 200, answer.text[:500]
    return time.monotonic() - begun


def held(program: Service) -> tuple[int, int]:
    """Threads and open files of its worker."""
    worker = Path(f"/proc/{program.pid}")
    return len(list((worker / "task").iterdir())), len(list((worker / "fd").iterdir()))


def near(now: tuple[int, int], before: tuple[int, int]) -> bool:
    """No more than what keeping connections and connections to the database takes."""
    return now[0] <= before[0] + 16 and now[1] <= before[1] + 40


Act = Callable[[], int | None]
ANSWERED = frozenset({200, 303, 308, 401, 404, 422, 503})


@pytest.mark.parametrize("hop", [RESERVAS, TO_PEDIDOS, TO_PRODUCTOS, TO_USUARIOS])
def test_nonsense(stage: Stage, hop: str) -> None:
    """F8: nonsense is no order, no visit elsewhere, no error page without words, and no memory."""
    shop, caller = stage.shop, stage.shop.pedidos if hop == RESERVAS else stage.shop.storefront
    acts = acts_over(hop, stage.a_shopper(), stage.a_customer(), shop.a_producto(stock=500))
    with trap() as elsewhere:
        before = memory(caller)
        kinds = chosen(list(NONSENSE), ["201 and HTML", "wrong types", "50 MB"])
        for name, fault in (*((kind, NONSENSE[kind]) for kind in kinds), ("302", elsewhere.redirect)):
            for method, act in acts:
                poll(partial(meets, shop.hops[hop], method, fault, act))
                poll(partial(is_well, act))
            assert elsewhere.visits == 0, name
        grown = memory(caller) - before
    assert grown < 50, f"{caller.name} has {grown} MiB more than before"


def acts_over(hop: str, shopper: Shopper, customer: ApiCustomer, product: int) -> list[tuple[str, Act]]:
    """What sends a request of a method over ``hop``; each gives the status of its answer."""

    def page(path: str) -> int:
        status: int = shopper.ask("GET", path).status_code
        assert status in ANSWERED, f"{path}: {status}"
        return status

    def buy() -> int | None:
        bought: tuple[Intention, str] = poll(partial(shopper.ready_to_buy, product))
        return shopper.confirm(*bought).status

    def sign_in() -> int:
        fields = {"email": shopper.person.email, "password": shopper.person.password}
        return shopper.ask("POST", "/entrar", **fields).status_code

    acts: dict[str, list[tuple[str, Act]]] = {
        RESERVAS: [("PUT", lambda: customer.order(an_intention(customer.person, product)).status)],
        TO_PEDIDOS: [("POST", buy), ("GET", partial(page, "/pedidos"))],
        TO_PRODUCTOS: [("GET", partial(page, f"/productos/{product}")), ("GET", partial(page, "/productos"))],
        TO_USUARIOS: [("POST", sign_in), ("GET", partial(page, "/estado"))],
    }
    return acts[hop]


def is_well(act: Act) -> bool:
    return act() in (200, 201, 303, 308)


def meets(hop: proxy.Proxy, method: str, fault: Fault, act: Act) -> bool:
    """Whether ``act`` met the fault: what is kept for a second, or an open breaker, may stand before it."""
    hop.always(method, fault)
    act()
    met = bool(hop.seen(method))
    hop.heal()
    return met


def memory(program: Service) -> int:
    """What its worker keeps, in MiB."""
    status = Path(f"/proc/{program.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


@pytest.mark.parametrize("service", ["pedidos", "productos"])
def test_the_answer_to_a_commit_is_lost(
    postgresql: PostgreSQL, tmp_path: Path, service: str, request: pytest.FixtureRequest
) -> None:
    """F6 before PostgreSQL: a commit is done and its program hears of an error; who asked is told what is so."""
    database = postgresql.new_database(f"commits_{service}")
    with commits.before(database) as between:
        url = between.url.render_as_string(hide_password=False)
        shop = FaultyShop(tmp_path, database, **{f"{service.upper()}_DATABASE_URL": url})
        try:
            shop.start()
            for stage in staged(shop, tmp_path, request):
                customer, product = stage.a_customer(), shop.a_producto(stock=50)
                for number in (1, 2, 3):
                    for keyed in (True, False):
                        between.lose(number)
                        customer.order(an_intention(customer.person, product, keyed=keyed))
                between.lose(0)
                assert between.lost >= 2
        finally:
            shop.stop()
