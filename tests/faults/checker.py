"""What must hold after a run, whatever was broken: the invariants I1 to I12 of the history, the databases and the lists."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from tests.api.sagas import poll
from tests.faults.history import OK, REFUSED, Call, History, Intention
from tests.faults.supervisor import FaultyShop
from tests.operations.programs import faults
from tests.shop import Person

LIMITS = {"pedidos": 3.5, "storefront": 5.5}  # the deadlines, and half a second
SETTLED = 20.0  # seconds in which everything ends: an open breaker, the grace, a lease, two sweeps
SAMPLE_SECONDS = 0.005
UNFINISHED = "SELECT id, fase FROM pedidos WHERE fase IN ('intento', 'abortando', 'devolviendo')"
VISIBLE = (
    "SELECT id, usuario_id, producto_id, cantidad, estado, compra_id, clave FROM pedidos"
    " WHERE fase IN ('confirmado', 'devolviendo', 'devuelto')"
)


def settle(shop: FaultyShop, serves_within: float) -> float:
    """End every fault and wait until recovery has ended what was unfinished; the seconds until all four served (I10)."""
    shop.heal()
    seconds = shop.supervisor.wait_ready(serves_within)
    poll(
        lambda: not any(hop.running for hop in shop.hops.values())
    )  # what is under way may still place an order
    poll(lambda: not shop.pedidos.sql(UNFINISHED), SETTLED)
    return seconds


def violations(shop: FaultyShop, history: History, late: Mapping[str, float]) -> list[str]:
    """Every broken invariant. ``late``: seconds beyond its deadline that a program may answer because the fault held it."""
    rows = shop.pedidos.sql(VISIBLE)
    by_purchase: dict[tuple[str, int], list[Any]] = {}
    for row in rows:
        by_purchase.setdefault((row.compra_id, row.producto_id), []).append(row)
    found = [f"{line} (the auditor)" for line in faults(shop, 0)]
    for intention, verdict, calls in history.verdicts():
        orders = by_purchase.get((intention.compra_id, intention.producto_id), [])
        check = _cancelling if intention.pedido else _placing
        found += check(intention, verdict, calls, orders)
    found += [line for call in history.calls for line in _manners(call, late)]
    found += _lists(shop, history, rows)
    return found


def _placing(intention: Intention, verdict: str, calls: list[Call], orders: list[Any]) -> Iterator[str]:
    told = f"{intention} was told {[(call.outcome, call.status, call.codigo) for call in calls]}"
    numbers = [order.id for order in orders]
    if verdict == OK and len(orders) != 1:
        yield f"I4 {told}, and its orders are {numbers}"
    if verdict == REFUSED and orders:
        yield f"I5 {told}, and its orders are {numbers}"
    if len(orders) > 1:
        yield f"I6 {told}, and its orders are {numbers}"
    for order in orders:
        asked = {call.intention.cantidad for call in calls}
        if order.usuario_id != intention.usuario_id or order.cantidad not in asked:
            yield f"I4 {told}, and order {order.id} is another's: {order}"
    told_numbers = {call.order for call in calls if call.outcome == OK and call.order}
    if orders and not told_numbers <= set(numbers):
        yield f"I4 {told}, as {told_numbers}, and its orders are {numbers}"


def _cancelling(intention: Intention, verdict: str, calls: list[Call], orders: list[Any]) -> Iterator[str]:
    cancelled = any(order.id == intention.pedido and order.estado == "cancelado" for order in orders)
    told = f"to cancel {intention.pedido} was told {[(call.outcome, call.status) for call in calls]}"
    if verdict == OK and not cancelled:
        yield f"I4 {told}, and it is not cancelled"
    if verdict == REFUSED and cancelled:
        yield f"I5 {told}, and it is cancelled"


def _manners(call: Call, late: Mapping[str, float]) -> Iterator[str]:
    """I9: the answer itself."""
    limit = LIMITS[call.program] + late.get(call.program, 0.0)
    if call.outcome is None:
        yield f"I9 {call.program} never answered call {call.number}"
    elif call.trouble:
        yield f"I9 {call.program} {call.trouble} (call {call.number})"
    elif call.status is not None and call.seconds > limit:
        yield f"I9 {call.program} answered call {call.number} with {call.status} after {call.seconds:.2f} s"


def _lists(shop: FaultyShop, history: History, rows: Any) -> Iterator[str]:
    """I4 by the frozen list, and nothing in it that nobody asked for."""
    wanted = {(intention.compra_id, intention.producto_id) for intention, _, _ in history.verdicts()}
    people = {intention.usuario_id for intention, _, _ in history.verdicts()}
    repeated = [
        clave
        for clave, times in Counter((row.usuario_id, row.clave) for row in rows if row.clave).items()
        if times > 1
    ]
    if repeated:
        yield f"I4 keys of several orders: {repeated}"
    for person in sorted(people):
        listed = shop.pedidos.get(f"/pedidos/usuario/{person}", shop.admin.token).json()
        stored = [row for row in rows if row.usuario_id == person]
        if {order["id"] for order in listed} != {row.id for row in stored} or len(listed) != len(stored):
            yield f"I4 the list of person {person} is not what is stored"
        strangers = [row.id for row in stored if (row.compra_id, row.producto_id) not in wanted]
        if strangers:
            yield f"I4 orders of person {person} that nobody asked for: {strangers}"


def log_sizes(shop: FaultyShop) -> dict[str, int]:
    return {program.name: program.log.stat().st_size for program in shop.programs}


def logged(shop: FaultyShop, people: list[Person], begun: Mapping[str, int]) -> list[str]:
    """I11, and I9 of calls between programs: what logs say since they had the size ``begun``, and must not."""
    found = []
    for program in shop.programs:
        text = program.log.read_bytes()[begun[program.name] :].decode(errors="replace")
        for person in people:
            for name in ("email", "password", "token"):
                if getattr(person, name) in text:
                    found.append(f"I11 {program.name} logs the {name} of person {person.id}")
        found += [
            f"I9 {program.name} answers 500: {line}" for line in text.splitlines() if '"status":500' in line
        ]
    return found


@contextmanager
def stock_sampled(shop: FaultyShop) -> Iterator[list[int]]:
    """I1 all the while: gives the list of stocks below zero that were seen (and must not be)."""
    below: list[int] = []
    stop = threading.Event()
    sampler = threading.Thread(target=_sample, args=(shop, below, stop))
    sampler.start()
    try:
        yield below
    finally:
        stop.set()
        sampler.join()


def _sample(shop: FaultyShop, below: list[int], stop: threading.Event) -> None:
    query = "SELECT min(stock) FROM productos"
    database = shop.productos.database
    opened: Any
    if database.startswith("sqlite"):
        opened = sqlite3.connect(f"file:{database.removeprefix('sqlite:///')}?mode=ro", uri=True)
    else:
        opened = psycopg.connect(database, autocommit=True, options="-c search_path=productos")
    with closing(opened):
        while not stop.wait(SAMPLE_SECONDS):
            (least,) = opened.execute(query).fetchone()
            if least is not None and least < 0:
                below.append(least)
