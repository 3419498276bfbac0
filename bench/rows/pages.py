"""Pages of the storefront: how many one core's worth of its processor time renders."""

import statistics
from dataclasses import dataclass

from bench import data, kept
from bench.findings import Curve, Spread, Target, least
from bench.journey import LINKED_PRODUCT, Visitor
from bench.load import Load, Measured, Request
from bench.processes import processor_seconds
from bench.programs import Shop, running, scratch
from bench.rounds import Session, failed, middle, p99

CONNECTIONS = 16
SECONDS = 2
ROUNDS = 3
VISITORS = range(2, 10)  # numbers of accounts


@dataclass(frozen=True)
class Page:
    """A page, what many visitors send for it, and how many the target asks of one core's worth."""

    work: str
    sent: list[Request]
    target: Target | None = None


def pages(session: Session) -> None:
    """The catalogue's page: at least 2 000 signed out, 800 signed in with a cart, for each second of its processor time."""
    with scratch() as folder:
        kept.copy_of(data.SMALL, folder, session.say)
        shop = Shop(folder)
        with running(shop):
            address = shop.address("storefront")
            stranger, members = Visitor(address), signed_in(address, session)
            for page in to_measure(stranger, members)[: 3 if session.quick else None]:
                load = Load.of(address, page.sent, folder / "requests")
                measure(session, page, load, shop.group("storefront"))


def to_measure(stranger: Visitor, members: dict[int, Visitor]) -> list[Page]:
    products = LINKED_PRODUCT.findall(stranger.see("/productos"))
    orders = {number: [f"/pedidos/{order}" for order in orders_of(number)] for number in members}
    everybody = list(members.items())
    return [
        Page(
            "catalogue, 24 cards, signed out", [Request("/productos", headers=stranger.headers)], least(2000)
        ),
        Page(
            "catalogue, 24 cards, signed in with a cart",
            [Request("/productos", headers=one.headers) for one in members.values()],
            least(800),
        ),
        Page(
            "product, signed out",
            [Request(path, headers=stranger.headers) for path in dict.fromkeys(products)],
        ),
        Page("cart, signed in", [Request("/carrito", headers=one.headers) for one in members.values()]),
        Page("list of orders", [Request("/pedidos", headers=one.headers) for one in members.values()]),
        Page(
            "order",
            [Request(path, headers=one.headers) for number, one in everybody for path in orders[number]],
        ),
    ]


def signed_in(address: str, session: Session) -> dict[int, Visitor]:
    """Members with two products in their carts, by the number of their account."""
    members = {}
    for number in VISITORS:
        session.say(f"signing in {number - VISITORS.start + 1} of {len(VISITORS)}")
        member = Visitor(address)
        member.sign_in(data.email(number), data.PASSWORD)
        for product in (number, number + 1):
            member.add_to_cart(f"/productos/{product}")
        members[number] = member
    return members


def orders_of(number: int) -> list[int]:
    size = data.SMALL
    return [order for order in range(1, size.orders + 1) if data.Order(order, size).usuario_id == number]


def measure(session: Session, page: Page, load: Load, group: int) -> None:
    load.check()
    load.run(CONNECTIONS, 1)
    taken: list[Measured] = []
    per_core: list[float] = []
    wanted = min(ROUNDS, session.rounds)
    for number in range(wanted):
        session.say(f"{page.work}, round {number + 1} of {wanted}")
        turn, used = session.guard.quietly(
            lambda: with_processor(load, group, 1 if session.quick else SECONDS)
        )
        taken.append(turn)
        per_core.append((turn.requests - turn.failed) / used)
    rate = statistics.median(turn.rate for turn in taken)
    size = taken[0].bytes / taken[0].requests
    figures = f"{rate:,.0f} pages/s, p99 {p99(taken):.1f} ms, {size / 1000:.1f} KB each"
    session.result.curves.append(Curve("Pages, 16 connections", page.work, middle(taken)))
    work = f"page: {page.work}"
    session.note(
        "pages", work, "1 s of processor time", "", Spread.of(per_core), page.target, figures, failed(taken)
    )


def with_processor(load: Load, group: int, seconds: float) -> tuple[Measured, float]:
    """A round of load, and the seconds of processor time that the process group used for it."""
    before = processor_seconds(group)
    turn = load.run(CONNECTIONS, seconds)
    return turn, processor_seconds(group) - before
