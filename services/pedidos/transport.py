"""HTTP to one other service under a total deadline.

The time limits of http.client, urllib3 and requests count from one read to the next, so that a service which drips a byte
a second holds its caller for ever. Here a deadline is a moment of the monotonic clock and every read gets what is left.
"""

import http.client
import select
import socket
import ssl
import time
from collections import deque
from typing import Any, NamedTuple
from urllib.parse import urlsplit

ANSWER_BYTES = 1024 * 1024


class TransportError(Exception):
    """No answer, or none that is HTTP: whether the service acted is not known."""


class UnreachableError(TransportError):
    """No connection: the service did not act."""


class Answer(NamedTuple):
    status: int
    body: bytes


class Transport:
    """Keep-alive connections to ``address`` (http or https). Redirects are not followed, proxies not asked."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._prefix = parts.path.rstrip("/")
        self._tls = tls_context() if parts.scheme == "https" else None
        self._idle: deque[Connection] = deque()

    def request(
        self, method: str, path: str, body: bytes, headers: dict[str, str], deadline: float
    ) -> Answer:
        """The answer, complete before ``deadline``; raise TransportError.

        Send only what may be delivered twice: a kept connection that the other side closed meanwhile is replaced.
        """
        kept = self._kept()
        if kept:
            try:
                return self._exchange(kept, method, path, body, headers, deadline)
            except StaleError:
                pass
        return self._exchange(self._connected(deadline), method, path, body, headers, deadline)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> "Connection | None":
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            # Readable between two exchanges means closed, or bytes that would pass for the next answer.
            if not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()

    def _connected(self, deadline: float) -> "Connection":
        connection = Connection(self._host, self._port, self._tls)
        try:
            connection.open(deadline)
        except OSError as error:
            connection.close()
            raise UnreachableError(str(error)) from error
        return connection

    def _exchange(
        self,
        connection: "Connection",
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
        deadline: float,
    ) -> Answer:
        try:
            answer, reusable = connection.exchange(method, self._prefix + path, body, headers, deadline)
        except BaseException:
            connection.close()
            raise
        if reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return answer


class StaleError(TransportError):
    """A kept connection that was closed before the answer began."""


class Connection(http.client.HTTPConnection):
    """A connection whose socket knows the deadline of the exchange it is in."""

    sock: Any  # a DeadlineSocket or a DeadlineTlsSocket

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port)
        self._tls = tls
        self._used = False

    def open(self, deadline: float) -> None:
        """Connect to the first of the host's addresses that answers; raise OSError."""
        trouble: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM
        ):
            plain = DeadlineSocket(family, kind, protocol)
            try:
                plain.deadline = deadline
                plain.settimeout(left(deadline))
                plain.connect(address)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sock = self._tls.wrap_socket(plain, server_hostname=self.host) if self._tls else plain
                return
            except OSError as error:
                plain.close()
                trouble = error
        raise trouble

    def exchange(
        self, method: str, path: str, body: bytes, headers: dict[str, str], deadline: float
    ) -> tuple[Answer, bool]:
        """The answer, and whether the connection may be used again; raise TransportError."""
        self.sock.deadline = deadline
        try:
            self.sock.settimeout(left(deadline))
            self.request(method, path, body, headers)
            answer = self.getresponse()
            content = answer.read(ANSWER_BYTES + 1)
        except (ConnectionError, ssl.SSLEOFError) as error:
            raise (StaleError if self._used else TransportError)(repr(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TransportError(repr(error)) from error
        if len(content) > ANSWER_BYTES or answer.length:
            raise TransportError("the answer is too long, or was cut off")
        self._used = True
        return Answer(answer.status, content), answer.isclosed() and not answer.will_close


class Deadline:
    """What a socket needs so that no read outlasts ``deadline``."""

    deadline = 0.0

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        self.settimeout(left(self.deadline))  # type: ignore[attr-defined]
        return super().recv_into(*arguments, **options)  # type: ignore[misc, no-any-return]


class DeadlineSocket(Deadline, socket.socket):
    """Over TCP."""


class DeadlineTlsSocket(Deadline, ssl.SSLSocket):
    """Over TLS."""


def tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.sslsocket_class = DeadlineTlsSocket
    return context


def left(deadline: float) -> float:
    """Seconds until ``deadline``; raise TimeoutError where there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the deadline has passed")
    return seconds
