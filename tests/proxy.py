"""A TCP proxy between two services that can fail in every way a network can.

What happens to a request is a function over its ``Exchange``: ``passing`` delivers it and answers with the reply; the other
faults lose, delay, double or falsify one or the other, and a test may write its own (kill a process in between).
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

DRIP_SECONDS = 1.0
WAIT = 60.0  # seconds after which a held request is let go, so that no thread outlives its test


class Exchange:
    """One request on its way. A fault that does not ``answer`` hangs up on the client."""

    def __init__(self, proxy: "Proxy", client: socket.socket, request: bytes) -> None:
        self.request = request
        self.method, self.path = request.decode("latin-1").split(" ", 2)[:2]
        self.stopped = proxy.ended  # set when the fault is over, however long it would have waited
        self._target = proxy.target
        self._client = client
        self.answered = False

    def deliver(self, sent: Callable[[], object] = lambda: None) -> bytes:
        """Hand the request to the service; its whole reply, b"" where there is none. ``sent`` happens in between."""
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self._target), timeout=WAIT) as service,
        ):
            service.sendall(self.request)
            sent()
            return read_message(service)
        return b""

    def answer(self, reply: bytes) -> None:
        self.answered = bool(reply)
        with suppress(OSError):
            self._client.sendall(reply)


Fault = Callable[[Exchange], None]


def passing(exchange: Exchange) -> None:
    exchange.answer(exchange.deliver())


def dropped(exchange: Exchange) -> None:
    """The request is lost."""


def reply_lost(exchange: Exchange) -> None:
    exchange.deliver()


def doubled(exchange: Exchange) -> None:
    """Delivered twice, one after the other."""
    reply = exchange.deliver()
    exchange.deliver()
    exchange.answer(reply)


def dripping(exchange: Exchange) -> None:
    """The reply comes a byte a second."""
    for byte in exchange.deliver():
        if exchange.stopped.wait(DRIP_SECONDS):
            return
        exchange.answer(bytes([byte]))


def silent(exchange: Exchange) -> None:
    """Accepted, never answered."""
    exchange.stopped.wait(WAIT)


def held(release: threading.Event) -> Fault:
    """Delivered when ``release`` is set; nobody waits for the reply any more."""

    def fault(exchange: Exchange) -> None:
        release.wait(WAIT)
        exchange.answer(exchange.deliver())

    return fault


def falsified(reply: bytes) -> Fault:
    """Another reply, and the request is lost."""
    return lambda exchange: exchange.answer(reply)


def after_delivery(act: Callable[[], object]) -> Fault:
    """``act`` happens between the service's reply and its arrival."""

    def fault(exchange: Exchange) -> None:
        reply = exchange.deliver()
        act()
        exchange.answer(reply)

    return fault


def before_delivery(act: Callable[[], object]) -> Fault:
    """``act`` happens when the request is seen; it is delivered then."""

    def fault(exchange: Exchange) -> None:
        act()
        exchange.answer(exchange.deliver())

    return fault


class Proxy:
    """Listens on ``port`` and passes on to ``target``, another port of loopback."""

    def __init__(self, target: int = 0) -> None:
        self.target = target
        self.stopped = threading.Event()
        self.ended = threading.Event()
        self.running = 0  # requests that it has read and is not done with
        self.reads = True  # set to False, connections are accepted and nothing is ever read from them
        self.calls: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._always: dict[str, Fault] = {}
        self._next: dict[str, list[Fault]] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._clients: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def once(self, method: str, *faults: Fault) -> None:
        """The next requests of ``method`` meet these faults, one each."""
        with self._lock:
            self._next.setdefault(method, []).extend(faults)

    def always(self, method: str, fault: Fault) -> None:
        with self._lock:
            self._always[method] = fault

    def heal(self) -> None:
        """From now on everything passes, what waits too; what was seen is forgotten."""
        self.reads = True
        self.ended.set()
        with self._lock:
            self.ended = threading.Event()
            self._always.clear()
            self._next.clear()
            self.calls.clear()

    def seen(self, method: str) -> list[str]:
        """The paths of the requests of ``method`` since the last ``heal``."""
        with self._lock:
            return [path for seen, path in self.calls if seen == method]

    def stop(self) -> None:
        self.stopped.set()
        self.ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close every connection of a client."""
        with self._lock:
            for client in self._clients:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._clients.add(client)
        with client, suppress(OSError):
            if not self.reads:
                self.ended.wait()
                return
            while (request := read_message(client)) and self._pass(client, request):
                pass
        with self._lock:
            self._clients.discard(client)

    def _pass(self, client: socket.socket, request: bytes) -> bool:
        """Whether the connection goes on."""
        with self._lock:
            self.running += 1
        try:
            exchange = Exchange(self, client, request)
            self._fault_of(exchange)(exchange)
            return exchange.answered
        finally:
            with self._lock:
                self.running -= 1

    def _fault_of(self, exchange: Exchange) -> Fault:
        with self._lock:
            self.calls.append((exchange.method, exchange.path))
            waiting = self._next.get(exchange.method)
            if waiting:
                return waiting.pop(0)
            return self._always.get(exchange.method, passing)


def read_message(source: socket.socket) -> bytes:
    """One whole HTTP message that tells its length, b"" where the other side closed."""
    message = b""
    while b"\r\n\r\n" not in message:
        chunk = source.recv(65536)
        if not chunk:
            return b""
        message += chunk
    head, _, body = message.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = (int(lengths[0].split(b":")[1]) if lengths else 0) - len(body)
    while missing > 0:
        chunk = source.recv(65536)
        if not chunk:
            return b""
        message += chunk
        missing -= len(chunk)
    return message


@contextmanager
def running(target: int = 0) -> Iterator[Proxy]:
    """A proxy that is gone at the end of the block."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.stop()
