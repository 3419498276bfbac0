"""The whole shop: its memory after a journey, and how long ``make run`` takes to its first page."""

from bench import data, journey, kept
from bench.findings import Spread, most
from bench.processes import memory
from bench.programs import MODULES, Shop, scratch
from bench.rounds import Session

MEBIBYTE = 2**20


def memory_after_journey(session: Session) -> None:
    """At most 200 MiB for all four programs after a full journey (PSS: shared pages count by their share)."""
    with scratch() as folder:
        shop = Shop(folder, DEMO="true")
        try:
            session.say("starting")
            shop.start()
            started = by_program(shop)
            session.say("journey")
            journey.whole(shop.address("storefront"))
            ended = by_program(shop)
        finally:
            shop.stop()
    session.result.bars["after the start"] = started
    session.result.bars["after a full journey"] = ended
    total = sum(ended.values())
    figures = ", ".join(f"{name} {size:.0f}" for name, size in ended.items())
    figures += f"; {sum(started.values()):.0f} after the start"
    one = Spread(total, total, total)
    session.note(
        "memory", "memory (PSS) of all four after a full journey", "–", "MiB", one, most(200), figures
    )


def by_program(shop: Shop) -> dict[str, float]:
    return {name: memory(shop.group(name)) / MEBIBYTE for name in MODULES}


def start(session: Session) -> None:
    """At most 2 s from ``make run`` on a prepared tree to the first page."""
    with scratch() as folder:
        kept.copy_of(data.SMALL, folder, session.say)
        taken = []
        for number in range(session.rounds):
            session.say(f"start {number + 1} of {session.rounds}")
            taken.append(
                session.guard.quietly(
                    lambda: seconds_to_first_page(Shop(folder, command=("make", "-s", "run")))
                )
            )
    session.note(
        "start", "make run on a prepared tree to the first page", "–", "s", Spread.of(taken), most(2)
    )


def seconds_to_first_page(shop: Shop) -> float:
    try:
        return shop.start()
    finally:
        shop.stop()
