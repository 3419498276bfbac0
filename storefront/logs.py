"""One line of JSON for each request, and the trace that follows it through the services.

Never a query, a cookie, a header, a body or a name: only what happened, where, and how long it took.
"""

import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Flask, request

from storefront.i18n import Wsgi
from storefront.metrics import Metrics
from storefront.service import trace_headers

STANDARD_OUTPUT = 1
TRACE = "pingui.trace"
LOG = logging.getLogger("storefront")
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


def _log(level: int, event: str, **members: object) -> None:
    if LOG.isEnabledFor(level):
        LOG.log(level, event, extra={"members": {"event": event, **members}})


class Lines(logging.Handler):
    """Writes a record as one line, of JSON or of text. A line that cannot be written is lost: no page
    fails for it.
    """

    def __init__(self, as_text: bool) -> None:
        super().__init__()
        self._as_text = as_text

    def emit(self, record: logging.LogRecord) -> None:
        members: dict[str, object] = getattr(record, "members", None) or {"message": record.getMessage()}
        now = datetime.fromtimestamp(record.created, UTC)
        if self._as_text:
            words = " ".join(
                f"{name}={msgspec.json.encode(value).decode()}" for name, value in members.items()
            )
            line = f"{now:%H:%M:%S} {record.levelname.lower()} {words}"
        else:
            known = {"level": record.levelname.lower(), "service": "storefront"}
            moment = {"time": now.isoformat(timespec="milliseconds")}
            line = msgspec.json.encode({**moment, **known, **members}).decode()
        try:
            os.write(STANDARD_OUTPUT, f"{line}\n".encode())
        except OSError:
            return


class Requests:
    """WSGI middleware that begins or continues a trace (W3C Trace Context; one that is malformed is
    ignored), answers its id as X-Request-Id, and logs and counts the answer.
    """

    def __init__(self, application: Wsgi, metrics: Metrics) -> None:
        self._application = application
        self._metrics = metrics

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        begun = time.perf_counter()
        known = TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))
        environ[TRACE] = trace = known[1] if known else secrets.token_hex(16)
        answered: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *failure: Any) -> Any:
            answered.append(status)
            return start_response(status, [*headers, ("X-Request-Id", trace)], *failure)

        body = self._application(environ, start)
        status, seconds = int(answered[-1][:3]) if answered else 0, time.perf_counter() - begun
        self._metrics.request(environ, status, seconds)
        _log(
            logging.INFO,
            "request",
            method=environ["REQUEST_METHOD"],
            path=environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
            status=status,
            ms=round(seconds * 1000, 1),
            trace=trace,
        )
        return body


def current_trace() -> str:
    """The id of the trace of this request."""
    return str(request.environ.get(TRACE, ""))


def init_logs(app: Flask) -> None:
    """Sends the trace of each request on with the calls that it makes."""

    @app.before_request
    def carry_on() -> None:
        trace_headers.set({"traceparent": f"00-{current_trace()}-{secrets.token_hex(8)}-01"})


def log_failure(problem: BaseException) -> None:
    """Where an unexpected error came from: its type and the lines of code, without the values in its
    message.
    """
    frames = []
    trace = problem.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    _log(logging.ERROR, "failure", type=type(problem).__name__, at=frames[-8:], trace=current_trace())


def configure(as_text: bool) -> None:
    """Sends the storefront's records to standard output."""
    LOG.handlers[:] = [Lines(as_text)]
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
