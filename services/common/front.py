"""The layer around every service: a known host, a trace, common headers, and for each request a log line and its count.

It is plain WSGI, because it stands in the way of every request. A GET whose answer lies ready is answered from here without
asking Flask; one that is out of the ordinary (a query, a condition, a body, a bad token) goes on to Flask and is answered
by the same rules.
"""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from flask import Response, request

from services.common import logs
from services.common.errors import ApiError, error_response
from services.common.metrics import Metrics

LINE_BYTES = 4 * 1024
FIELD_BYTES = 8 * 1024
HOST = re.compile(r"(?P<name>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
ROUTE = "pingui.route"
BODY_IS_READ = "pingui.body_is_read"
SAFE = ("X-Content-Type-Options", "nosniff")

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class Answer(NamedTuple):
    """A 200 that lies ready. ``headers`` are all but those that every answer has; ``etag`` is one of them, or empty."""

    content: bytes
    headers: Headers
    etag: str


Look = Callable[[Environ, str], Answer | None]


def json_answer(content: bytes, headers: dict[str, str]) -> Answer:
    """``content``, which is JSON, with these headers beside those of its type and length."""
    own = {"Cache-Control": "no-store", **headers, "Content-Type": "application/json"}
    return Answer(content, [*own.items(), ("Content-Length", str(len(content)))], headers.get("ETag", ""))


def answered(answer: Answer) -> Response:
    """The answer in Flask's hands, or 304 where the caller has it already."""
    if request.if_none_match.contains_weak(answer.etag.strip('"')):
        kept = [(name, text) for name, text in answer.headers if not name.startswith("Content-")]
        return Response(status=304, headers=kept)
    return Response(answer.content, headers=answer.headers)


class Front:
    """WSGI middleware around one service."""

    def __init__(
        self, application: Application, hosts: Iterable[str], lines: logs.Lines, metrics: Metrics
    ) -> None:
        self._application = application
        self._hosts = frozenset(name.lower() for name in hosts)
        self._lines = lines
        self._metrics = metrics
        self._ready: dict[str, tuple[Look, str]] = {}

    def answer_at_once(self, route: str, look: Look) -> None:
        """Ask ``look`` first about plain GETs of ``route``, which is counted by that name; its last part may be a variable.

        ``look`` is given the environ and that part, and answers None for whatever Flask shall answer.
        """
        self._ready[route.partition("<")[0]] = look, route

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        begun = time.perf_counter()
        trace = logs.trace_of(environ.get("HTTP_TRACEPARENT", ""))
        token = logs.trace.set(trace)
        try:
            return self._answer(environ, start_response, begun, trace)
        finally:
            logs.trace.reset(token)

    def _answer(
        self, environ: Environ, start_response: StartResponse, begun: float, trace: str
    ) -> Iterable[bytes]:
        application = self._application
        try:
            self._refuse_odd_requests(environ)
        except ApiError as error:
            application = error_response(error)
        else:
            ready = self._look(environ)
            if ready is not None:
                start_response("200 OK", [*ready.headers, SAFE, ("X-Request-Id", trace)])
                self._tell(environ, 200, begun)
                return [ready.content]
        statuses = [500]

        def start(line: str, headers: Headers, *failure: Any) -> Any:
            statuses[0] = int(line[:3])
            return start_response(line, _completed(environ, headers, trace), *failure)

        body = application(environ, start)
        try:
            content = list(body)  # the server sends a list in one piece
        finally:
            getattr(body, "close", lambda: None)()
        self._tell(environ, statuses[0], begun)
        return content

    def _refuse_odd_requests(self, environ: Environ) -> None:
        """What a well-behaved client never sends: no host, two or another's, an endless line or header."""
        host = HOST.fullmatch(environ.get("HTTP_HOST", "").lower())
        if not host or host["name"] not in self._hosts:
            raise ApiError(400)
        if len(environ["PATH_INFO"]) + len(environ.get("QUERY_STRING", "")) > LINE_BYTES:
            raise ApiError(414)
        for name, text in environ.items():
            if len(name) > 5 and name.startswith("HTTP_") and len(text) > FIELD_BYTES:
                raise ApiError(431)

    def _look(self, environ: Environ) -> Answer | None:
        if environ["REQUEST_METHOD"] != "GET" or environ.get("QUERY_STRING"):
            return None
        if "HTTP_IF_NONE_MATCH" in environ or _has_body(environ):
            return None
        path: str = environ["PATH_INFO"]
        head, _, rest = path.rpartition("/")
        found = self._ready.get(path) or self._ready.get(f"{head}/")
        if found is None:
            return None
        look, route = found
        try:
            ready = look(environ, rest)
        except Exception:  # whatever it is, Flask meets it again and answers it as it answers every error
            return None
        environ[ROUTE] = route
        return ready

    def _tell(self, environ: Environ, status: int, begun: float) -> None:
        seconds = time.perf_counter() - begun
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if not path.isascii():
            path = path.encode("latin-1", "replace").decode("utf-8", "replace")
        self._lines.write(
            "info",
            {
                "event": "request",
                "method": method,
                "path": path,
                "status": status,
                "ms": round(seconds * 1000, 1),
            },
        )
        self._metrics.observe(method, environ.get(ROUTE, ""), status, seconds)


def _completed(environ: Environ, headers: Headers, trace: str) -> Headers:
    headers = [*headers, SAFE, ("X-Request-Id", trace)]
    if not any(name == "Cache-Control" for name, _ in headers):
        headers.append(("Cache-Control", "no-store"))
    if _has_body(environ) and BODY_IS_READ not in environ:
        headers.append(("Connection", "close"))  # said, so that no client sends its next request there
    return headers


def _has_body(environ: Environ) -> bool:
    return environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ
