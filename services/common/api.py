"""Endpoints that declare once what they take and give; the declaration validates and is the OpenAPI document.

A handler's annotations are its declaration: a ``caller`` of type Caller needs a person's token, a ServiceCaller a service
credential, none is public; ``body`` and ``query`` name msgspec structs. Checks come in the contract's order: 404/405, 401,
413, 415, 400, then what the handler itself refuses (403, 422, 409).
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from flask import Flask, Response, request

from services.common.errors import ApiError, unauthorized, unavailable
from services.common.front import BODY_IS_READ, Answer, Environ, Front
from services.common.json_input import InputError, convert, parse
from services.common.metrics import Metrics
from services.common.tokens import Caller, ServiceCaller, TokenError, Tokens

ID = re.compile("0|[1-9][0-9]{0,17}")
BODY_BYTES = 64 * 1024
BODY_WAIT = 0.5  # seconds a request waits for its turn to read a body

Handler = TypeVar("Handler", bound=Callable[..., Response])


class Message(msgspec.Struct):
    """What the original services answer when something was done."""

    mensaje: str


class Error(msgspec.Struct):
    """Every error of every endpoint."""

    error: str
    codigo: str | msgspec.UnsetType = msgspec.UNSET
    detalles: Any = msgspec.UNSET


@dataclass(frozen=True)
class Endpoint:
    """One declared call. ``answers`` maps a success status to the type of its body (None: no body)."""

    method: str
    path: str
    summary: str
    description: str
    answers: dict[int, Any]
    errors: tuple[int, ...]
    hints: dict[str, Any]
    headers: tuple[str, ...]
    media: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def caller(self) -> Any:
        return self.hints.get("caller")


class BodyReader:
    """Reads request bodies, at most half of the server's threads at once: slow senders cannot hold them all."""

    def __init__(self, threads: int) -> None:
        self._turns = threading.BoundedSemaphore(max(1, threads // 2))

    def read(self, limit: int = BODY_BYTES) -> bytes:
        """The whole body; raise 413 over ``limit`` bytes, 503 where too many bodies are being read."""
        if (request.content_length or 0) > limit:
            raise ApiError(413)
        with self._turn():
            body: bytes = request.stream.read(limit + 1)
        if len(body) > limit:
            raise ApiError(413)
        request.environ[BODY_IS_READ] = True
        return body

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=BODY_WAIT):
            raise unavailable("Demasiadas peticiones a medio enviar")
        try:
            yield
        finally:
            self._turns.release()


class Api:
    """The endpoints of one service."""

    def __init__(
        self, app: Flask, tokens: Tokens, bodies: BodyReader, metrics: Metrics, front: Front
    ) -> None:
        self.app = app
        self.tokens = tokens
        self.bodies = bodies
        self.metrics = metrics
        self._front = front
        self.endpoints: list[Endpoint] = []

    def endpoint(
        self,
        method: str,
        path: str,
        answers: dict[int, Any],
        errors: tuple[int, ...] = (),
        headers: tuple[str, ...] = (),
        media: dict[str, tuple[str, ...]] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a handler. ``errors`` are the statuses the handler itself answers; those of the checks are added.

        ``headers`` names the request headers it understands; ``media`` gives the media types of a body or an answer
        that is not JSON, under the keys "request" and "response".
        """

        def declare(handler: Handler) -> Handler:
            hints = get_type_hints(handler, include_extras=True)
            text = (handler.__doc__ or "").strip()
            summary, _, description = text.partition("\n\n")
            declared = Endpoint(
                method,
                path,
                " ".join(summary.split()),
                " ".join(description.split()),
                answers,
                errors,
                hints,
                headers,
                media or {},
            )
            self.endpoints.append(declared)
            self.app.add_url_rule(
                path,
                endpoint=f"{handler.__module__}.{handler.__name__}",
                view_func=self._checked(handler, declared),
                methods=[method],
                provide_automatic_options=False,
            )
            return handler

        return declare

    def answer_at_once(self, route: str, answer: Callable[[Caller, int | None], Answer | None]) -> None:
        """Answer plain GETs of ``route`` by persons with a good token before Flask is asked; see Front.

        ``answer`` is given the id in the path, or None where it is no id.
        """

        def look(environ: Environ, rest: str) -> Answer | None:
            try:
                caller = self.tokens.caller(environ.get("HTTP_AUTHORIZATION"))
            except TokenError:
                return None
            return answer(caller, int(rest) if ID.fullmatch(rest) else None)

        self._front.answer_at_once(route, look)

    def _checked(self, handler: Callable[..., Response], declared: Endpoint) -> Callable[..., Response]:
        caller, body, query = (declared.hints.get(name) for name in ("caller", "body", "query"))

        @wraps(handler)
        def view(**arguments: Any) -> Response:
            if caller is not None:
                arguments["caller"] = self._caller(caller)
            if body is not None:
                arguments["body"] = self._body(body)
            if query is not None:
                arguments["query"] = _query(query)
            return handler(**arguments)

        return view

    def _caller(self, kind: type[Caller] | type[ServiceCaller]) -> Caller | ServiceCaller:
        authorization = request.headers.get("Authorization")
        try:
            if kind is ServiceCaller:
                return self.tokens.service(authorization)
            return self.tokens.caller(authorization)
        except TokenError:
            raise unauthorized() from None

    def _body(self, declared: type[msgspec.Struct]) -> msgspec.Struct:
        content = self.bodies.read() if request.mimetype == "application/json" else self._refused_body()
        try:
            return convert(parse(content), declared)
        except InputError as error:
            raise ApiError(400, error.error, detalles=error.details) from None

    def _refused_body(self) -> bytes:
        """413 comes before 415: the size of what is not JSON is looked at, its bytes are not read."""
        if (request.content_length or 0) > BODY_BYTES:
            raise ApiError(413)
        raise ApiError(415)


def _query(declared: type[msgspec.Struct]) -> msgspec.Struct:
    given: dict[str, str | list[str]] = {}
    lists = _lists(declared)
    for name, values in request.args.lists():
        if len(values) > 1 and name in declared.__struct_fields__ and name not in lists:
            raise ApiError(400, f"El parámetro {name} está dos veces")
        given[name] = values if name in lists else values[0]
    if any("\x00" in text or "\ufffd" in text for values in request.args.listvalues() for text in values):
        raise ApiError(400, "Los parámetros contienen caracteres que no son texto")
    try:
        return convert(given, declared, strict=False)
    except InputError as error:
        raise ApiError(400, error.error, detalles=error.details) from None


@cache
def _lists(declared: type[msgspec.Struct]) -> frozenset[str]:
    """The parameters that a query may name again and again."""
    fields = msgspec.structs.fields(declared)
    kinds = {
        one.encode_name: get_args(one.type)[0] if get_origin(one.type) is Annotated else one.type
        for one in fields
    }
    return frozenset(name for name, kind in kinds.items() if get_origin(kind) is list)
