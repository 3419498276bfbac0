"""Orders: pedidos alone, and with the whole protocol, against the original, which only inserts a row."""

from bench import data, kept
from bench.findings import least
from bench.load import Load, Request, signed
from bench.people import SHOPPERS, tokens
from bench.programs import Peer, Shop, running, scratch
from bench.rounds import Session

ALONE, WHOLE = "shop alone", "shop"
SECONDS = 4  # the original's slowest requests take seconds
ROUNDS = 3


def orders(session: Session) -> None:
    """POST /pedidos alone: at least 4 × original, p99 at most 1/40; with the whole protocol 1 × and 1/20."""
    with scratch() as folder:
        for name in ("alone", "whole"):
            kept.copy_of(data.SMALL, folder / name, session.say)
        alone, whole = Shop(folder / "alone", PRODUCTOS_URL=""), Shop(folder / "whole")
        original = Peer(folder, "original", "pedidos", str(folder / "whole" / "peers" / "pedidos.db"), "PORT")
        with running(alone, whole, original):
            ours = Load.of(whole.address("pedidos"), bodies(tokens(whole)), folder / "requests")
            loads = {
                "original": Load(original.address, ours.file),
                ALONE: Load(alone.address("pedidos"), ours.file),
                WHOLE: ours,
            }
            for connections in session.connections:
                measure(session, loads, connections)


def measure(session: Session, loads: dict[str, Load], connections: int) -> None:
    seconds = 2 if session.quick else SECONDS
    taken = session.take_turns("POST /pedidos", loads, connections, seconds, ROUNDS)
    work = f"POST /pedidos alone, {connections} connections"
    session.compare("orders", work, taken, "original", least(4), ALONE)
    session.compare_p99("orders", work, taken, "original", least(40), ALONE)
    work = f"POST /pedidos with the whole protocol, {connections} connections"
    session.compare("orders", work, taken, "original", least(1), WHOLE)
    session.compare_p99("orders", work, taken, "original", least(20), WHOLE)


def bodies(signed_in: list[str]) -> list[Request]:
    """Each shopper orders each product, one after another."""
    people = list(zip(SHOPPERS, signed_in, strict=True))
    return [
        signed("/pedidos", token, f'{{"usuario_id":{number},"producto_id":{product},"cantidad":1}}')
        for product in range(1, data.SMALL.products + 1)
        for number, token in people
    ]
