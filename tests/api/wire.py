"""What no HTTP library sends: raw requests, and tokens made by hand."""

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any

from tests.shop import SECRET, Service

JSON = "Content-Type: application/json\r\n"


@dataclass(frozen=True)
class Answer:
    """``status`` 0: the server closed the connection without a word."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def request(line: str, headers: str = "", body: bytes = b"", host: str = "Host: 127.0.0.1\r\n") -> bytes:
    """The bytes of one request; ``headers`` and ``host`` are lines that end in CRLF."""
    return f"{line} HTTP/1.1\r\n{host}{headers}\r\n".encode("latin-1") + body


@contextmanager
def connection(service: Service, wait: float = 10.0) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=wait) as opened:
        yield opened


def answer_on(opened: socket.socket, method: str = "GET") -> Answer:
    response = HTTPResponse(opened, method=method)
    try:
        response.begin()
        body = response.read()
    except (ConnectionError, HTTPException):
        return Answer(0, {}, b"")
    finally:
        response.close()
    return Answer(response.status, {name.lower(): text for name, text in response.getheaders()}, body)


def exchange(service: Service, data: bytes, wait: float = 10.0) -> Answer:
    """The first answer to ``data`` sent on a connection of its own."""
    with connection(service, wait) as opened:
        with suppress(ConnectionError):  # refused before all was sent: the answer may still be there
            opened.sendall(data)
        return answer_on(opened, data.partition(b" ")[0].decode("latin-1"))


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def forged(payload: Any, key: bytes = SECRET.encode(), header: Any = None, digest: str = "sha256") -> str:
    """A JWT of any content, signed with HMAC and ``key``; bytes stand for themselves."""
    parts = [{"alg": "HS256", "typ": "JWT"} if header is None else header, payload]
    raw = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in parts]
    signed = ".".join(encoded(part) for part in raw)
    return f"{signed}.{encoded(hmac.new(key, signed.encode(), digest).digest())}"


def service_key(secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), b"pingui service credential", hashlib.sha256).digest()
