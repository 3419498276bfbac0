"""The least that can answer under the shop's server: a bare WSGI callable with the answer ready.

``python -m bench.peers.limit THREADS PORT ANSWER``: ANSWER is a file of JSON as the shop answered it. The server, its threads
and its settings are the service's own.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

from flask import Flask

from services.common.server import serve

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def answering(body: bytes) -> Application:
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]

    def application(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", headers)
        return [body]

    return application


if __name__ == "__main__":
    threads, port, file = sys.argv[1:]
    application = answering(Path(file).read_bytes())
    serve("127.0.0.1", int(port), int(threads), lambda: cast("Flask", application), "limit")
