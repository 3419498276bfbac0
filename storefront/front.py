"""The catalogue for visitors without a cookie, answered from memory before Flask is asked.

Most visitors of a shop are strangers who see the same page. It is kept as long as the catalogue it shows
needs no renewal, half a second, so nothing older is shown than Flask itself would show.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import request

from storefront.i18n import Wsgi
from storefront.shelf import Shelf

GOOD_UNTIL = "pingui.good_until"
BYPASS = ("HTTP_IF_NONE_MATCH", "HTTP_HX_REQUEST", "HTTP_RANGE")
WITHOUT_MEANING = re.compile(r"(?:(?:__Host-)?vistos=[^;]*)?")  # to the pages kept here: what was looked at
MOST_PAGES = 256
LARGEST_KEY = 500


@dataclass(frozen=True)
class Kept:
    """An answer of 200 as it was sent, good until a moment (monotonic) and for one state of the shelf."""

    headers: list[tuple[str, str]]
    body: list[bytes]
    good_until: float
    writes: int


class FrontPages:
    """WSGI middleware around the shop. Only answers whose view called `keep_until` are kept."""

    def __init__(self, application: Wsgi, shelf: Shelf) -> None:
        self._application = application
        self._shelf = shelf
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, ...], Kept] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        key = _key(environ)
        if key is None:
            return self._application(environ, start_response)
        kept = self._kept.get(key)
        if kept and kept.good_until > time.monotonic() and kept.writes == self._shelf.writes:
            start_response("200 OK", kept.headers)
            return kept.body
        return self._fetch(key, environ, start_response)

    def _fetch(
        self, key: tuple[str, ...], environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        writes = self._shelf.writes
        answers: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *failure: Any) -> Any:
            answers.append((status, list(headers)))
            return start_response(status, headers, *failure)

        body = self._application(environ, start)
        good_until = environ.get(GOOD_UNTIL, 0.0)
        if good_until <= time.monotonic() or not _may_be_kept(answers):
            return body
        try:
            chunks = list(body)
        finally:
            getattr(body, "close", lambda: None)()
        with self._lock:
            while len(self._kept) >= MOST_PAGES:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = Kept(answers[-1][1], chunks, good_until, writes)
        return chunks


def _may_be_kept(answers: list[tuple[str, list[tuple[str, str]]]]) -> bool:
    """Whether everybody may get this answer: it went well and gives no cookie."""
    if not answers or not answers[-1][0].startswith("200"):
        return False
    return all(name.lower() != "set-cookie" for name, _value in answers[-1][1])


def _key(environ: dict[str, Any]) -> tuple[str, ...] | None:
    """What the answer to a stranger depends on; None for everybody and everything else."""
    if environ["REQUEST_METHOD"] != "GET" or any(name in environ for name in BYPASS):
        return None
    if not WITHOUT_MEANING.fullmatch(environ.get("HTTP_COOKIE", "")):
        return None
    names = ("HTTP_HOST", "PATH_INFO", "QUERY_STRING", "HTTP_ACCEPT_ENCODING")
    key = tuple(str(environ.get(name, "")) for name in names)
    return key if sum(map(len, key)) <= LARGEST_KEY else None


def keep_until(moment: float) -> None:
    """Says in a view that its answer to a stranger is good until `moment` (monotonic)."""
    request.environ[GOOD_UNTIL] = moment
