"""Replies that no service gives, and servers that only look like one (F8)."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.proxy import Exchange, Fault, falsified

MEGABYTE = 1024 * 1024


def reply(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    head.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def truncated(exchange: Exchange) -> None:
    """The real reply without its last bytes, and the connection is closed."""
    exchange.answer(exchange.deliver()[:-7])
    exchange.answered = False


def wrong_types(exchange: Exchange) -> None:
    """The real reply with every number and text turned into something else."""
    body = exchange.deliver().partition(b"\r\n\r\n")[2]
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    rows = told if isinstance(told, list) else [told]
    for row in rows:
        row.update({name: [str(value)] for name, value in row.items()})
    exchange.answer(reply(json.dumps(told).encode()))


BOMB = gzip.compress(b" " * (50 * MEGABYTE))
NONSENSE: dict[str, Fault] = {
    "200 and HTML": falsified(reply(b"<h1>200</h1>")),
    "201 and HTML": falsified(reply(b"<h1>201</h1>", "201 Created")),
    "no HTTP": falsified(b"SSH-2.0-OpenSSH\r\n"),
    "null": falsified(reply(b"null")),
    "a list": falsified(reply(b"[[]]")),
    "a number": falsified(reply(b"NaN")),
    "truncated": truncated,
    "wrong types": wrong_types,
    "50 MB": falsified(reply(b" " * (50 * MEGABYTE))),
    "a gzip bomb": falsified(reply(BOMB, "200 OK", "Content-Encoding: gzip")),
    "longer than sent": falsified(reply(b"{}", length=10_000)),
    "shorter than sent": falsified(reply(b'{"mensaje":"hola"}', length=3)),
    "a flood of 1xx": falsified(b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000),
    "500": falsified(reply(b'{"error":"x"}', "500 Internal Server Error")),
    "503": falsified(reply(b'{"error":"x"}', "503 Service Unavailable", "Retry-After: 1")),
}


class Trap:
    """A server that nobody may visit; ``address`` looks like the metadata of a cloud."""

    def __init__(self) -> None:
        self.visits = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}/latest/meta-data"
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    @property
    def redirect(self) -> Fault:
        return falsified(reply(b"", "302 Found", f"Location: {self.address}"))

    def _wait(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@contextmanager
def trap() -> Iterator[Trap]:
    set_up = Trap()
    try:
        yield set_up
    finally:
        set_up.close()
