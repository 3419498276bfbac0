"""Whether everybody waits when two calls to a service hang: the storefront's catalogue while pedidos answers late."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench import data, kept
from bench.findings import Curve, Spread, most
from bench.journey import Visitor
from bench.load import Load, LoadError, Measured, Request
from bench.programs import Shop, running, scratch
from bench.rounds import Session, failed, middle, p99
from bench.rows.pages import signed_in

LATE = 0.3  # seconds
HANGING = 2
CONNECTIONS = 16
SECONDS = 2
ROUNDS = 4


def waiting(session: Session) -> None:
    """The catalogue's p99 while two calls hang 300 ms: at most 1.5 times the p99 without them."""
    with scratch() as folder:
        kept.copy_of(data.SMALL, folder, session.say)
        shop = Shop(folder)
        with late_service(shop.ports["pedidos"]) as late:
            shop.environment["PEDIDOS_URL"] = f"http://127.0.0.1:{late}"
            with running(shop):
                members = list(signed_in(shop.address("storefront"), session).values())
                stranger = Visitor(shop.address("storefront"))
                measure(session, folder, "signed out", [stranger], members)
                measure(session, folder, "signed in with a cart", members[HANGING:], members)


def measure(
    session: Session, folder: Path, who: str, visitors: list[Visitor], waiters: list[Visitor]
) -> None:
    sent = [Request("/productos", headers=visitor.headers) for visitor in visitors]
    load = Load.of(visitors[0].address, sent, folder / "requests")
    load.check()
    load.run(CONNECTIONS, 1)
    quiet: list[Measured] = []
    beside: list[Measured] = []
    wanted = min(ROUNDS, session.rounds)
    for number in range(wanted):
        session.say(f"{who}, round {number + 1} of {wanted}")
        quiet.append(session.guard.quietly(lambda: load.run(CONNECTIONS, 1 if session.quick else SECONDS)))
        with hanging(waiters[:HANGING]):
            beside.append(
                session.guard.quietly(lambda: load.run(CONNECTIONS, 1 if session.quick else SECONDS))
            )
    ratio = Spread.of_ratios([turn.p99 for turn in beside], [turn.p99 for turn in quiet])
    figures = f"p99 {p99(beside):.1f} ms against {p99(quiet):.1f} ms"
    chart = f"Catalogue {who}, while two calls hang"
    session.result.curves += [
        Curve(chart, "alone", middle(quiet)),
        Curve(chart, "two calls hang", middle(beside)),
    ]
    work = f"p99 of the catalogue, {who}, while two calls hang {LATE * 1000:.0f} ms"
    session.note("waiting", work, "nothing hangs", "×", ratio, most(1.5), figures, failed(beside))


@contextmanager
def hanging(visitors: list[Visitor]) -> Iterator[None]:
    """Meanwhile each of them asks for the list of orders, over and over."""
    over = threading.Event()
    trouble: list[LoadError] = []

    def ask(visitor: Visitor) -> None:
        while not over.is_set():
            try:
                visitor.see("/pedidos")
            except LoadError as error:
                trouble.append(error)
                return

    threads = [threading.Thread(target=ask, args=(visitor,)) for visitor in visitors]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if trouble:
        raise trouble[0]


@contextmanager
def late_service(port: int) -> Iterator[int]:
    """A port where the service on ``port`` answers LATE seconds later."""

    class Late(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(LATE)
            connection = HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", self.path, headers=dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_arguments: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Late)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
