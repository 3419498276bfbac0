"""One service over HTTP: bounded in time and size, behind its circuit, and asked what it can do."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import msgspec
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, NewConnectionError

from storefront.abilities import Abilities, read_abilities
from storefront.circuit import Circuit, CircuitOpenError
from storefront.transport import DeadlineAdapter

CALL_SECONDS = 3.5
CONNECT_SECONDS = 0.3
DESCRIPTION_SECONDS = 1.0
SHORTEST_CALL = 0.05
LARGEST_ANSWER = 1_000_000
DESCRIPTION_KEPT = 30.0
CONCURRENT_CALLS = 8
RESULTS = ANSWERED, REFUSED, NO_ANSWER, NOT_SENT = ("answered", "refused", "no_answer", "not_sent")

page_deadline: ContextVar[float | None] = ContextVar("page_deadline", default=None)
trace_headers: ContextVar[Mapping[str, str]] = ContextVar("trace_headers", default={})  # noqa: B039 - never written


class ServiceError(Exception):
    """A call that did not give what was asked; `service` is usuarios, productos or pedidos."""

    def __init__(self, service: str, message: str) -> None:
        super().__init__(f"{service}: {message}")
        self.service = service


class UnavailableError(ServiceError):
    """No usable answer. `sent` says whether the service may have carried the call out all the same; `broken`,
    that the connection ended without an answer.
    """

    def __init__(self, service: str, message: str, sent: bool, broken: bool = False) -> None:
        super().__init__(service, message)
        self.sent = sent
        self.broken = broken


class RefusedError(ServiceError):
    """The service answered 4xx, or 503 which by contract means that nothing was stored."""

    def __init__(self, service: str, answer: "Answer") -> None:
        super().__init__(service, f"answered {answer.status}")
        body = answer.json_object()
        self.status = answer.status
        codigo = body.get("codigo")
        self.codigo = codigo if isinstance(codigo, str) else ""
        retry = answer.headers.get("Retry-After", "")
        self.retry_after = int(retry) if retry.isascii() and retry.isdigit() else 0


@dataclass(frozen=True)
class Answer:
    """An answer as it came: at most the allowed number of bytes."""

    status: int
    headers: CaseInsensitiveDict[str]
    body: bytes

    def json(self) -> Any:
        """The decoded body. Raises ValueError for what is no JSON."""
        return msgspec.json.decode(self.body)

    def json_object(self) -> dict[str, Any]:
        try:
            value = self.json()
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Service:
    """One service behind its circuit."""

    def __init__(self, name: str, url: str, adapter: BaseAdapter | None) -> None:
        self.name = name
        self.circuit = Circuit(CONCURRENT_CALLS)
        self.count: Callable[[str], None] = lambda _result: None
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Accept-Encoding"] = "identity"
        transport = adapter or DeadlineAdapter(
            pool_connections=1, pool_maxsize=CONCURRENT_CALLS, max_retries=0
        )
        self._session.mount("http://", transport)
        self._session.mount("https://", transport)
        self._lock = threading.Lock()
        self._abilities = Abilities()
        self._abilities_until = 0.0
        self._described = False
        self._describing = threading.Lock()

    def call(
        self,
        method: str,
        path: str,
        token: str = "",
        *,
        body: Any = None,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = CALL_SECONDS,
        largest: int = LARGEST_ANSWER,
    ) -> Answer:
        """The service's answer below 400, or 304. Raises RefusedError and UnavailableError."""
        sent_headers = {**trace_headers.get(), **(headers or {})}
        if token:
            sent_headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            data = msgspec.json.encode(body)
            sent_headers["Content-Type"] = "application/json"
        outgoing = requests.Request(method, self._url + path, headers=sent_headers, data=data, params=params)
        try:
            with self.circuit.call():
                answer = self._exchange(outgoing, _time_left(self.name, seconds), largest)
        except CircuitOpenError as reason:
            self.count(NOT_SENT)
            raise UnavailableError(self.name, str(reason), sent=False) from None
        except UnavailableError:
            self.count(NO_ANSWER)
            raise
        if 400 <= answer.status < 500 or answer.status == 503:
            self.count(REFUSED)
            raise RefusedError(self.name, answer)
        self.count(ANSWERED)
        return answer

    def _exchange(self, outgoing: requests.Request, seconds: float, largest: int) -> Answer:
        """One exchange, told to the circuit: a 4xx and a 503 are answers of a service that lives."""
        try:
            answer = self._send(outgoing, seconds, largest)
            if (answer.status >= 500 and answer.status != 503) or (
                300 <= answer.status < 400 and answer.status != 304
            ):
                raise UnavailableError(self.name, f"answered {answer.status}", sent=True)
        except UnavailableError:
            self.circuit.failed()
            raise
        except BaseException:
            self.circuit.failed()
            raise
        self.circuit.succeeded()
        return answer

    def _send(self, outgoing: requests.Request, seconds: float, largest: int) -> Answer:
        prepared = self._session.prepare_request(outgoing)
        try:
            response = self._session.send(
                prepared, timeout=(CONNECT_SECONDS, seconds), allow_redirects=False, stream=True
            )
            with response:
                content = self._content(response, largest)
                return Answer(response.status_code, response.headers, content)
        except requests.exceptions.ConnectTimeout:
            raise UnavailableError(self.name, "does not accept connections", sent=False) from None
        except requests.exceptions.RequestException as problem:
            sent = not any(isinstance(cause, NewConnectionError) for cause in _causes(problem))
            broken = sent and isinstance(problem, requests.exceptions.ConnectionError)
            raise UnavailableError(self.name, type(problem).__name__, sent, broken) from None
        except (HTTPError, OSError, ValueError) as problem:
            raise UnavailableError(self.name, type(problem).__name__, sent=True) from None

    def _content(self, response: requests.Response, largest: int) -> bytes:
        """The body, of which no byte is read that is known to be too many or was compressed unasked."""
        length = response.headers.get("Content-Length", "")
        if length.isascii() and length.isdigit() and int(length) > largest:
            raise UnavailableError(self.name, "answers too much", sent=True)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnavailableError(self.name, "answers compressed, which nobody asked for", sent=True)
        content: bytes = response.raw.read(largest + 1, decode_content=True)
        if len(content) > largest:
            raise UnavailableError(self.name, "answered too much", sent=True)
        return content

    def get(self, path: str, token: str = "", **options: Any) -> Answer:
        """A GET, asked once more when the connection broke (a kept connection may have been closed
        meanwhile).
        """
        try:
            return self.call("GET", path, token, **options)
        except UnavailableError as problem:
            if not problem.broken:
                raise
            return self.call("GET", path, token, **options)

    def json(self, answer: Answer) -> Any:
        """The decoded body; what is no JSON counts as no answer."""
        try:
            return answer.json()
        except ValueError:
            self.circuit.failed()
            raise UnavailableError(self.name, "answered no JSON", sent=True) from None

    @property
    def abilities(self) -> Abilities:
        """What the service says it can do, asked again every half minute; the last known while it is
        silent.
        """
        with self._lock:
            if time.monotonic() < self._abilities_until:
                return self._abilities
            self._abilities_until = time.monotonic() + DESCRIPTION_KEPT
        self._ask_abilities()
        return self._abilities

    def require(self, ability: bool) -> bool:
        """`ability`, unless nobody knows it yet because the service is silent since the shop started: UnavailableError."""
        if not ability and not self.is_described():
            raise UnavailableError(self.name, "never said what it can do", sent=False)
        return ability

    def is_described(self) -> bool:
        """Whether it ever said what it can do, were it only by 404; asked at once where it did not."""
        if not self._described:
            with self._describing:
                if not self._described:
                    self._ask_abilities()
        return self._described

    def _ask_abilities(self) -> None:
        try:
            self._abilities = read_abilities(self.get("/openapi.json", seconds=DESCRIPTION_SECONDS).json())
            self._described = True
        except RefusedError as refusal:
            if refusal.status in (429, 503):
                self._abilities_until = time.monotonic() + 1.0
            else:
                self._abilities, self._described = Abilities(), True
        except (UnavailableError, ValueError):
            self._abilities_until = time.monotonic() + 1.0

    def close(self) -> None:
        self._session.close()

    def health(self) -> float:
        """Seconds that /health took. Raises UnavailableError and RefusedError."""
        begin = time.monotonic()
        self.call("GET", "/health", seconds=1.5)
        return time.monotonic() - begin


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Calls made here take no longer than `seconds` together, nor than the page has."""
    end, page = time.monotonic() + seconds, page_deadline.get()
    before = page_deadline.set(end if page is None else min(end, page))
    try:
        yield
    finally:
        page_deadline.reset(before)


def _time_left(service: str, seconds: float) -> float:
    """The time this call may take inside the page's own; no call begins when the page's time is over."""
    deadline = page_deadline.get()
    left = seconds if deadline is None else min(seconds, deadline - time.monotonic())
    if left < SHORTEST_CALL:
        raise UnavailableError(service, "the page's time is over", sent=False)
    return left


def _causes(problem: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    following: BaseException | None = problem
    while following is not None and following not in found:
        found.append(following)
        reason = getattr(following, "reason", None) or (following.args[0] if following.args else None)
        following = reason if isinstance(reason, BaseException) else following.__cause__
    return found
