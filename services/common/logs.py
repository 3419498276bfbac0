"""One line for each request and each event: JSON (default) or text, in UTC, under the trace of the request.

A trace (W3C Trace Context) comes in as ``traceparent`` and goes on to the next service; one that is malformed is ignored.
Lines say what happened, where and how long it took; never a query, header, body, e-mail or password.
"""

import logging
import os
import re
import secrets
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
STANDARD_OUTPUT = 1

trace: ContextVar[str] = ContextVar("trace", default="")


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
        members: dict[str, Any] = {"message": record.getMessage()}
        if record.exc_info and record.exc_info[1]:
            members["exception"] = describe_exception(record.exc_info[1])
        self.write(record.levelname.lower(), members)

    def write(self, level: str, members: dict[str, Any]) -> None:
        """One line: when, how grave, whose, ``members``, and the trace of the request it belongs to."""
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "service": self._service,
            **members,
        }
        running = trace.get()
        if running:
            line["trace"] = running
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


def trace_of(header: str) -> str:
    """The trace that a ``traceparent`` header carries, or a new one."""
    known = TRACEPARENT.fullmatch(header)
    return known[1] if known else secrets.token_hex(16)


def traceparent() -> str:
    """The header that carries this request's trace on, or a new one's outside of requests."""
    return f"00-{trace.get() or secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
