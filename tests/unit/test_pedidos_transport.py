"""Calls end at their deadline, whatever the other side does (P12); a kept connection that was closed is replaced."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from services.pedidos.transport import ANSWER_BYTES, Answer, Transport, TransportError, UnreachableError
from tests.ports import free_port
from tests.proxy import read_message

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Script = Callable[
    [socket.socket, int], None
]  # what happens to a request: its connection, and how many came before


@contextmanager
def server(script: Script) -> Iterator[tuple[Transport, list[int]]]:
    """A transport to it, and for each request the number of the connection it came on."""
    requests: list[int] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            for number in range(100):
                client, _ = listener.accept()
                threading.Thread(target=talk, args=(client, number), daemon=True).start()

    def talk(client: socket.socket, number: int) -> None:
        with client, suppress(OSError):
            while read_message(client):
                requests.append(number)
                script(client, len(requests) - 1)

    threading.Thread(target=serve, daemon=True).start()
    transport = Transport(f"http://127.0.0.1:{listener.getsockname()[1]}")
    try:
        yield transport, requests
    finally:
        transport.close()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def call(transport: Transport, seconds: float = 5.0) -> Answer:
    return transport.request("PUT", "/x", b"{}", {}, time.monotonic() + seconds)


def test_a_connection_is_kept() -> None:
    with server(lambda client, _: client.sendall(GOOD)) as (transport, requests):
        assert [call(transport) for _ in range(3)] == [Answer(200, b"{}")] * 3
        assert requests == [0, 0, 0]


def test_a_kept_connection_closed_meanwhile_is_replaced() -> None:
    def script(client: socket.socket, _before: int) -> None:
        client.sendall(GOOD)
        client.close()

    with server(script) as (transport, requests):
        for _ in range(3):
            assert call(transport).status == 200
        assert requests == [0, 1, 2]


def test_a_kept_connection_that_closes_at_the_next_request_is_replaced() -> None:
    def script(client: socket.socket, before: int) -> None:
        if before == 1:
            client.close()
        else:
            client.sendall(GOOD)

    with server(script) as (transport, requests):
        assert [call(transport).status for _ in range(2)] == [200, 200]
        assert requests == [0, 0, 1]


def test_a_new_connection_that_closes_without_an_answer_is_a_failure() -> None:
    with server(lambda client, _: client.close()) as (transport, requests):
        with pytest.raises(TransportError):
            call(transport)
        assert requests == [0]


def test_what_comes_after_an_answer_is_never_the_next_answer() -> None:
    first_read, late_sent = threading.Event(), threading.Event()

    def script(client: socket.socket, before: int) -> None:
        client.sendall(GOOD)
        if before == 0:
            first_read.wait(10)
            client.sendall(b"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}")
            late_sent.set()

    with server(script) as (transport, requests):
        first = call(transport)
        first_read.set()
        assert late_sent.wait(10)
        assert [first.status, call(transport).status] == [200, 200]
        assert requests == [0, 1]


def drip(client: socket.socket, _before: int) -> None:
    for byte in GOOD + b" " * 100:
        client.sendall(bytes([byte]))
        time.sleep(0.05)


def endless_headers(client: socket.socket, _before: int) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        client.sendall(b"X: y\r\n")
        time.sleep(0.05)


def endless_chunks(client: socket.socket, _before: int) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        client.sendall(b"1\r\nx\r\n")
        time.sleep(0.05)


def silence(client: socket.socket, _before: int) -> None:
    client.recv(1)


@pytest.mark.parametrize("script", [drip, endless_headers, endless_chunks, silence])
def test_the_deadline_is_total(script: Script) -> None:
    with server(script) as (transport, _):
        started = time.monotonic()
        with pytest.raises(TransportError):
            call(transport, 0.5)
        assert 0.4 < time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (ANSWER_BYTES + 1) + b" " * (ANSWER_BYTES + 1),
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x00" * 100_000,
    ],
)
def test_what_is_no_whole_answer_is_a_failure(answer: bytes) -> None:
    def script(client: socket.socket, _before: int) -> None:
        client.sendall(answer)
        client.close()

    with server(script) as (transport, _), pytest.raises(TransportError):
        call(transport)


def test_nobody_there_is_known_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(UnreachableError):
        call(Transport(f"http://127.0.0.1:{free_port()}"))
    assert time.monotonic() - started < 1


def test_a_deadline_that_has_passed() -> None:
    with pytest.raises(TransportError):
        call(Transport(f"http://127.0.0.1:{free_port()}"), -1)
