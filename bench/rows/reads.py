"""Lists and health of the services, against the original's way, FastAPI and the limit of the server."""

from pathlib import Path

from bench import data, kept
from bench.findings import least
from bench.load import Load, Request, signed
from bench.people import tokens
from bench.programs import Peer, Shop, running, scratch
from bench.rounds import SHOP, Session
from services.productos.app import THREADS


def productos(session: Session) -> None:
    """GET /productos, 100 products: at least 20 × original, 30 × fastapi, 25 % of the limit."""
    with scratch() as folder:
        kept.copy_of(data.SMALL, folder, session.say)
        shop = Shop(folder)
        peers = started(folder, "productos")
        with running(shop, *peers.values()):
            sent = [signed("/productos", token) for token in tokens(shop)]
            loads = addressed(folder, shop.address("productos"), peers, sent)
            limit = at_the_limit(folder, loads[SHOP])
            with running(limit):
                loads["limit"] = Load(limit.address, loads[SHOP].file)
                for connections in session.connections:
                    work = f"GET /productos, 100 products, {connections} connections"
                    taken = session.take_turns("GET /productos", loads, connections)
                    session.compare("productos", work, taken, "original", least(20))
                    session.compare("productos", work, taken, "fastapi", least(30))
                    session.compare("productos", work, taken, "limit", least(25))


def pedidos(session: Session) -> None:
    """GET /pedidos/usuario/{id}, 20 orders: at least 6 × original, 8 × fastapi."""
    with scratch() as folder:
        kept.copy_of(data.SMALL, folder, session.say)
        shop = Shop(folder)
        peers = started(folder, "pedidos")
        with running(shop, *peers.values()):
            owners = enumerate(tokens(shop), start=2)
            sent = [signed(f"/pedidos/usuario/{number}", token) for number, token in owners]
            loads = addressed(folder, shop.address("pedidos"), peers, sent)
            for connections in session.connections:
                work = f"GET /pedidos/usuario/{{id}}, 20 orders, {connections} connections"
                taken = session.take_turns("GET /pedidos/usuario/{id}", loads, connections)
                session.compare("pedidos", work, taken, "original", least(6))
                session.compare("pedidos", work, taken, "fastapi", least(8))


def health(session: Session) -> None:
    """GET /health: at least 25 % of the limit."""
    with scratch() as folder:
        kept.copy_of(data.SMALL, folder, session.say)
        shop = Shop(folder)
        with running(shop):
            ours = Load.of(shop.address("productos"), [signed("/health", "")], folder / "health")
            limit = at_the_limit(folder, ours)
            with running(limit):
                loads = {"limit": Load(limit.address, ours.file), SHOP: ours}
                for connections in session.connections:
                    work = f"GET /health, {connections} connections"
                    taken = session.take_turns("GET /health", loads, connections)
                    session.compare("health", work, taken, "limit", least(25))


def started(folder: Path, service: str) -> dict[str, Peer]:
    """Both peers of a service, over the same data."""
    file = str(folder / "peers" / f"{service}.db")
    return {
        "original": Peer(folder, "original", service, file, "PORT"),
        "fastapi": Peer(folder, "with_fastapi", service, file, "PORT"),
    }


def addressed(folder: Path, shop: str, peers: dict[str, Peer], sent: list[Request]) -> dict[str, Load]:
    """The same requests for the peers and the shop."""
    ours = Load.of(shop, sent, folder / "requests")
    return {**{name: Load(peer.address, ours.file) for name, peer in peers.items()}, SHOP: ours}


def at_the_limit(folder: Path, ours: Load) -> Peer:
    """A server of the shop's kind that has the shop's answer ready."""
    answer = folder / "answer.json"
    answer.write_bytes(ours.check().content)
    return Peer(folder, "limit", str(THREADS), "PORT", str(answer))
