"""One line of JSON for each request, and the trace that follows it through the services.

Never a query, a cookie, a header, a body or a name: only what happened, where, and how long it took.
"""

import logging
import os
import re
import secrets
import time
from datetime import UTC, datetime

import msgspec
from flask import Flask, Response, g, request

from storefront.service import trace_headers

STANDARD_OUTPUT = 1
LOG = logging.getLogger("storefront")
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


def _log(level: int, event: str, **members: object) -> None:
    if LOG.isEnabledFor(level):
        LOG.log(level, event, extra={"members": {"event": event, **members}})


class Lines(logging.Handler):
    """Writes a record as one line, of JSON or of text. A line that cannot be written is lost: no page fails for it."""

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


def init_logs(app: Flask) -> None:
    """Begins or continues a trace (W3C Trace Context; one that is malformed is ignored), and logs the
    answer.
    """

    @app.before_request
    def begin() -> None:
        g.begun = time.perf_counter()
        known = TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
        g.trace = known[1] if known else secrets.token_hex(16)
        trace_headers.set({"traceparent": f"00-{g.trace}-{secrets.token_hex(8)}-01"})

    @app.after_request
    def end(response: Response) -> Response:
        trace = g.get("trace", "")
        response.headers["X-Request-Id"] = trace
        taken = time.perf_counter() - g.get("begun", time.perf_counter())
        _log(
            logging.INFO,
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            ms=round(taken * 1000, 1),
            trace=trace,
        )
        return response


def log_failure(problem: BaseException) -> None:
    """Where an unexpected error came from: its type and the lines of code, without the values in its
    message.
    """
    frames = []
    trace = problem.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    _log(logging.ERROR, "failure", type=type(problem).__name__, at=frames[-8:], trace=g.get("trace", ""))


def configure(as_text: bool) -> None:
    """Sends the storefront's records to standard output."""
    LOG.handlers[:] = [Lines(as_text)]
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
