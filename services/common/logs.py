"""One line for each request and each event: JSON (default) or text, in UTC, under the trace of the request.

A trace (W3C Trace Context) comes in as ``traceparent`` and goes on to the next service; one that is malformed is ignored.
Lines say what happened, where and how long it took; never a query, header, body, e-mail or password.
"""

import logging
import os
import re
import secrets
import time
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Flask, Response, g, has_request_context, request

TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
STANDARD_OUTPUT = 1


def configure(service: str, as_text: bool) -> None:
    """Send every record of the program to standard output."""
    root = logging.getLogger()
    root.handlers[:] = [Lines(service, as_text)]
    root.setLevel(logging.INFO)
    # Their progress is told in one line of our own.
    for library in ("alembic", "PIL", "_granian", "granian"):
        logging.getLogger(library).setLevel(logging.WARNING)


class Lines(logging.Handler):
    """Writes a record as one line. A line that cannot be written is lost: no request waits or fails for its log."""

    def __init__(self, service: str, as_text: bool) -> None:
        super().__init__()
        self._service = service
        self._as_text = as_text

    def emit(self, record: logging.LogRecord) -> None:
        members = getattr(record, "members", None) or {"message": record.getMessage()}
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            **members,
        }
        trace = current_trace()
        if trace:
            line["trace"] = trace
        if record.exc_info and record.exc_info[1]:
            line["exception"] = describe_exception(record.exc_info[1])
        try:
            os.write(STANDARD_OUTPUT, (_text(line) if self._as_text else msgspec.json.encode(line)) + b"\n")
        except (OSError, TypeError):
            return


def describe_exception(error: BaseException) -> list[str]:
    """An exception's type and the lines of code it came through; not its message, which may quote what a person sent."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    places = [
        f"{'/'.join(frame.filename.rsplit('/', 3)[-3:])}:{frame.lineno} {frame.name}" for frame in frames
    ]
    return [type(error).__name__, *places]


def _text(line: dict[str, Any]) -> bytes:
    rest = " ".join(_plain(value) for name, value in line.items() if name not in ("time", "service", "trace"))
    return f"{line['time'][11:23]} {rest}".encode("utf-8", "replace")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() else repr(value)


def trace_requests(app: Flask) -> None:
    """Begin or continue a trace for each request, answer its id as X-Request-Id, and log the answer."""
    log = logging.getLogger("request")

    @app.before_request
    def begin() -> None:
        g.begun = time.perf_counter()
        known = TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
        g.trace = known[1] if known else secrets.token_hex(16)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.trace
        members = {
            "event": "request",
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "ms": round((time.perf_counter() - g.begun) * 1000, 1),
        }
        log.info("", extra={"members": members})
        return response


def current_trace() -> str:
    return g.get("trace", "") if has_request_context() else ""


def traceparent() -> str:
    """The header that carries this request's trace on, or a new one's outside of requests."""
    return f"00-{current_trace() or secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
