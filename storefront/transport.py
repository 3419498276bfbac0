"""An HTTP transport whose time limit is total.

The time-outs of requests and urllib3 count from one read to the next, so a service that sends a byte a
second holds its caller for ever. Here the limit given to a call is fixed as a moment, and every read gets
what is left of it.
"""

import socket
import ssl
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context


class _Deadline:
    """Turns a socket's time-out into a deadline: settimeout() fixes it, each read may wait until then."""

    _until: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        self._until = None if value is None else time.monotonic() + value
        super().settimeout(value)  # type: ignore[misc]

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        if self._until is not None:
            remaining = self._until - time.monotonic()
            if remaining <= 0:
                raise TimeoutError("the time for this call is over")
            super().settimeout(remaining)  # type: ignore[misc]
        return super().recv_into(*arguments, **options)  # type: ignore[misc, no-any-return]


class _DeadlineSocket(_Deadline, socket.socket):
    pass


class _DeadlineTlsSocket(_Deadline, ssl.SSLSocket):
    pass


class _DeadlineConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        plain = self.sock
        timeout = plain.gettimeout()
        self.sock = _DeadlineSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        self.sock.settimeout(timeout)


class _DeadlineTlsConnection(HTTPSConnection):
    def connect(self) -> None:
        if self.ssl_context is None:
            self.ssl_context = create_urllib3_context()
            self.ssl_context.load_default_certs()
        self.ssl_context.sslsocket_class = _DeadlineTlsSocket
        super().connect()


class _DeadlinePool(HTTPConnectionPool):
    ConnectionCls = _DeadlineConnection


class _DeadlineTlsPool(HTTPSConnectionPool):
    ConnectionCls = _DeadlineTlsConnection


class DeadlineAdapter(HTTPAdapter):
    """For `requests.Session.mount`: the read time-out of each call bounds the whole answer, body included."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _DeadlinePool, "https": _DeadlineTlsPool}
