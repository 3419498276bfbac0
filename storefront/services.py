"""The only place that speaks HTTP to the three services and knows what they can do.

Nothing is relied on beyond the frozen contract (contract.md section 2): what else a service can do is read
from its OpenAPI document, the headers and the members it answers. Every call has a total time limit,
follows no redirect, reads a bounded answer and passes the circuit of its service.
"""

import random
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, NewConnectionError

from storefront.circuit import Circuit, CircuitOpenError
from storefront.transport import DeadlineAdapter
from storefront.wire import Pedido, Producto, read_pedido, read_producto

CALL_SECONDS = 3.5
CONNECT_SECONDS = 0.3
DESCRIPTION_SECONDS = 1.0
SHORTEST_CALL = 0.05
LARGEST_ANSWER = 1_000_000
LARGEST_LIST = 32_000_000
LARGEST_PICTURE = 6_000_000
DESCRIPTION_KEPT = 30.0
RETRIES = 2
PAGE_LIMIT = 500
CONCURRENT_CALLS = 8

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


@dataclass(frozen=True)
class Abilities:
    """What a service's OpenAPI document declares; a service without one can do what the frozen contract
    says.
    """

    parameters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def can(self, operation: str, parameter: str = "") -> bool:
        """Whether `"PATCH /productos/{}"` exists, and takes `parameter` (header or query, any case) if
        named.
        """
        declared = self.parameters.get(operation)
        return declared is not None and (not parameter or parameter.lower() in declared)

    def takes(self, operation: str, member: str) -> bool:
        """Whether the JSON body of `operation` has `member`."""
        return member in self.members.get(operation, frozenset())


def read_abilities(document: Any) -> Abilities:
    """The abilities of an OpenAPI document, whatever names its path parameters have."""
    parameters: dict[str, frozenset[str]] = {}
    members: dict[str, frozenset[str]] = {}
    paths = document.get("paths") if isinstance(document, dict) else None
    for path, item in paths.items() if isinstance(paths, dict) else ():
        for method, operation in item.items() if isinstance(item, dict) else ():
            if not isinstance(operation, dict):
                continue
            name = f"{method.upper()} {_without_names(path)}"
            listed = [*_objects(item.get("parameters")), *_objects(operation.get("parameters"))]
            resolved = [_resolve(document, one) for one in listed]
            parameters[name] = frozenset(str(one.get("name", "")).lower() for one in resolved)
            members[name] = _body_members(document, operation)
    return Abilities(parameters, members)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _without_names(path: str) -> str:
    parts = path.split("{")
    return parts[0] + "".join("{" + part[part.find("}") :] for part in parts[1:])


def _resolve(document: Any, value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and isinstance(reference := value.get("$ref"), str):
        value = document
        for part in reference.removeprefix("#/").split("/"):
            value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _body_members(document: Any, operation: dict[str, Any]) -> frozenset[str]:
    content = _resolve(document, operation.get("requestBody")).get("content")
    media = content.get("application/json") if isinstance(content, dict) else None
    schema = _resolve(document, media.get("schema") if isinstance(media, dict) else None)
    properties = schema.get("properties")
    return frozenset(properties) if isinstance(properties, dict) else frozenset()


class RetryBudget:
    """Lets repeated calls be a tenth of the first ones, so that a sick service is not asked ever more
    often.
    """

    def __init__(self, saved: float = 10.0) -> None:
        self._lock = threading.Lock()
        self._most = saved
        self._saved = saved

    def earn(self) -> None:
        with self._lock:
            self._saved = min(self._most, self._saved + 0.1)

    def spend(self) -> bool:
        with self._lock:
            if self._saved < 1:
                return False
            self._saved -= 1
            return True


class Service:
    """One service behind its circuit."""

    def __init__(self, name: str, url: str, adapter: BaseAdapter | None) -> None:
        self.name = name
        self.circuit = Circuit(CONCURRENT_CALLS)
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
            raise UnavailableError(self.name, str(reason), sent=False) from None
        if 400 <= answer.status < 500 or answer.status == 503:
            raise RefusedError(self.name, answer)
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
                content = response.raw.read(largest + 1, decode_content=True)
                if len(content) > largest:
                    raise UnavailableError(self.name, "answered too much", sent=True)
                return Answer(response.status_code, response.headers, content)
        except requests.exceptions.ConnectTimeout:
            raise UnavailableError(self.name, "does not accept connections", sent=False) from None
        except requests.exceptions.RequestException as problem:
            sent = not any(isinstance(cause, NewConnectionError) for cause in _causes(problem))
            broken = sent and isinstance(problem, requests.exceptions.ConnectionError)
            raise UnavailableError(self.name, type(problem).__name__, sent, broken) from None
        except (HTTPError, OSError, ValueError) as problem:
            raise UnavailableError(self.name, type(problem).__name__, sent=True) from None

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
        try:
            self._abilities = read_abilities(self.get("/openapi.json", seconds=DESCRIPTION_SECONDS).json())
        except RefusedError:
            self._abilities = Abilities()
        except (UnavailableError, ValueError):
            self._abilities_until = time.monotonic() + 1.0
        return self._abilities

    def close(self) -> None:
        self._session.close()

    def health(self) -> float:
        """Seconds that /health took. Raises UnavailableError and RefusedError."""
        begin = time.monotonic()
        self.call("GET", "/health", seconds=1.5)
        return time.monotonic() - begin


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


class Usuarios:
    """Accounts. `visitor` is the address of the person behind the call, for the service's limits."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def registrar(self, nombre: str, email: str, password: str, visitor: str = "") -> None:
        body = {"nombre": nombre, "email": email, "password": password}
        self.service.call("POST", "/registro", body=body, headers=_forwarded(visitor))

    def entrar(self, email: str, password: str, visitor: str = "") -> str:
        """A token. Raises RefusedError with status 401 for wrong credentials, 429 for too many tries."""
        body = {"email": email, "password": password}
        answer = self.service.call("POST", "/login", body=body, headers=_forwarded(visitor))
        token = answer.json_object().get("token")
        if not isinstance(token, str) or not token.isascii() or not token:
            raise UnavailableError("usuarios", "answered no token", sent=True)
        return token

    @property
    def has_profile(self) -> bool:
        return self.service.abilities.can("PATCH /perfil")

    @property
    def can_delete(self) -> bool:
        return self.service.abilities.can("DELETE /perfil")

    def perfil(self, token: str) -> dict[str, Any]:
        return self.service.get("/perfil", token).json_object()

    def cambiar_perfil(self, token: str, changes: Mapping[str, str], visitor: str = "") -> str:
        """Changes the name or the password; the new token where a changed password ends the old one."""
        answer = self.service.call("PATCH", "/perfil", token, body=changes, headers=_forwarded(visitor))
        new = answer.json_object().get("token")
        return new if isinstance(new, str) else ""

    def borrar_perfil(self, token: str) -> None:
        self.service.call("DELETE", "/perfil", token)


def _forwarded(visitor: str) -> dict[str, str]:
    return {"X-Forwarded-For": visitor} if visitor else {}


@dataclass(frozen=True)
class Listing:
    """Products as listed. `total` is None where the service does not say how many there are in all."""

    productos: tuple[Producto, ...]
    total: int | None
    more_than_total: bool
    etag: str
    body: bytes


class Productos:
    """The catalogue."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def listar(self, token: str, params: Mapping[str, str], etag: str = "") -> Listing | None:
        """The products that match, None when nothing changed since `etag`.

        A service that knows no parameters answers its whole list and no total.
        """
        headers = {"If-None-Match": etag} if etag else {}
        answer = self.service.get("/productos", token, params=params, headers=headers, largest=LARGEST_LIST)
        if answer.status == 304:
            return None
        rows = self.service.json(answer)
        if not isinstance(rows, list):
            self.service.circuit.failed()
            raise UnavailableError("productos", "answered no list", sent=True)
        count = answer.headers.get("X-Total-Count", "")
        digits = count.rstrip("+")
        return Listing(
            productos=tuple(one for one in map(read_producto, rows) if one is not None),
            total=int(digits) if digits.isascii() and digits.isdigit() else None,
            more_than_total=count.endswith("+"),
            etag=answer.headers.get("ETag", ""),
            body=answer.body,
        )

    def uno(self, producto_id: int, token: str) -> tuple[Producto, str] | None:
        """A product with its ETag; None when there is none, or the service has no such call."""
        try:
            answer = self.service.get(f"/productos/{producto_id}", token)
        except RefusedError as refusal:
            if refusal.status == 404:
                return None
            raise
        producto = read_producto(self.service.json(answer))
        return None if producto is None else (producto, answer.headers.get("ETag", ""))

    def crear(self, token: str, fields: Mapping[str, Any], key: str) -> int | None:
        """Adds a product; its id where the service tells it."""
        headers = {"Idempotency-Key": key} if self.repeats else {}
        answer = self.service.call("POST", "/productos", token, body=fields, headers=headers)
        return _number_of(answer.headers.get("Location", ""))

    def cambiar(self, producto_id: int, token: str, fields: Mapping[str, Any], etag: str) -> None:
        headers = {"If-Match": etag} if etag else {}
        self.service.call("PATCH", f"/productos/{producto_id}", token, body=fields, headers=headers)

    def retirar(self, producto_id: int, token: str, etag: str) -> None:
        headers = {"If-Match": etag} if etag else {}
        self.service.call("DELETE", f"/productos/{producto_id}", token, headers=headers)

    def subir_imagen(self, producto_id: int, token: str, picture: bytes, content_type: str) -> None:
        headers = {"Content-Type": content_type}
        self.service.call("PUT", f"/productos/{producto_id}/imagen", token, data=picture, headers=headers)

    def imagen(self, name: str) -> Answer:
        return self.service.get(f"/imagenes/{quote(name)}", largest=LARGEST_PICTURE)

    def categorias(self, token: str) -> tuple[str, ...]:
        """The categories in use; empty where the service has none."""
        if not self.service.abilities.can("GET /categorias"):
            return ()
        rows = self.service.json(self.service.get("/categorias", token))
        names = [row.get("categoria") or row.get("nombre") for row in rows if isinstance(row, dict)]
        return tuple(name for name in names if isinstance(name, str) and name)

    @property
    def repeats(self) -> bool:
        return self.service.abilities.can("POST /productos", "Idempotency-Key")

    @property
    def can_edit(self) -> bool:
        return self.service.abilities.can("PATCH /productos/{}")

    @property
    def can_withdraw(self) -> bool:
        return self.service.abilities.can("DELETE /productos/{}")

    @property
    def takes_pictures(self) -> bool:
        return self.service.abilities.can("PUT /productos/{}/imagen")

    @property
    def describes_pictures(self) -> bool:
        return self.service.abilities.takes("PATCH /productos/{}", "imagen_alt")

    @property
    def lists_withdrawn(self) -> bool:
        return self.service.abilities.can("GET /productos", "activo")

    def takes(self, member: str) -> bool:
        return self.service.abilities.takes("POST /productos", member)


def _number_of(location: str) -> int | None:
    """The id at the end of a Location such as `/pedidos/12`."""
    last = location.rstrip("/").rsplit("/", 1)[-1]
    return int(last) if last.isascii() and last.isdigit() and len(last) < 19 else None


@dataclass(frozen=True)
class Page:
    """A page of orders, with the count per state where the service tells it."""

    pedidos: tuple[Pedido, ...]
    total: int | None = None
    counts: Mapping[str, int] | None = None


class Pedidos:
    """Orders: one product each, by contract."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._budget = RetryBudget()

    @property
    def repeats(self) -> bool:
        """Whether a POST may be repeated with its key; else it is sent once."""
        return self.service.abilities.can("POST /pedidos", "Idempotency-Key")

    @property
    def groups(self) -> bool:
        """Whether orders know the purchase they belong to."""
        return self.service.abilities.can("GET /pedidos/usuario/{}", "compra_id")

    @property
    def has_detail(self) -> bool:
        return self.service.abilities.can("GET /pedidos/{}")

    @property
    def changes_state(self) -> bool:
        return self.service.abilities.can("PATCH /pedidos/{}")

    @property
    def lists_all(self) -> bool:
        return self.service.abilities.can("GET /pedidos")

    def crear(
        self, token: str, usuario_id: int, producto_id: int, cantidad: int, *, key: str, compra_id: str
    ) -> int | None:
        """Places an order; its number where the service tells it.

        Towards a service that knows keys the call is repeated at most twice. Raises RefusedError, and
        UnavailableError whose `sent` says whether the order may exist all the same.
        """
        body: dict[str, Any] = {"usuario_id": usuario_id, "producto_id": producto_id, "cantidad": cantidad}
        repeats = self.repeats
        if self.service.abilities.takes("POST /pedidos", "compra_id"):
            body["compra_id"] = compra_id
        headers = {"Idempotency-Key": key} if repeats else {}
        self._budget.earn()
        sent = False
        for attempt in range(1 + RETRIES):
            try:
                answer = self.service.call("POST", "/pedidos", token, body=body, headers=headers)
                return _number_of(answer.headers.get("Location", ""))
            except (UnavailableError, RefusedError) as problem:
                sent = sent or (isinstance(problem, UnavailableError) and problem.sent)
                last = attempt == RETRIES or not repeats or not _worth_repeating(problem)
                if last or not self._budget.spend() or not _pause(attempt):
                    if isinstance(problem, UnavailableError):
                        raise UnavailableError("pedidos", str(problem), sent=sent) from None
                    raise
        raise AssertionError("unreachable")

    def de_usuario(self, token: str, usuario_id: int, params: Mapping[str, str] | None = None) -> Page:
        """The user's orders; a service that knows no parameters answers all of them."""
        path = f"/pedidos/usuario/{usuario_id}"
        return self._page(self.service.get(path, token, params=params, largest=LARGEST_LIST))

    def todos(self, token: str, params: Mapping[str, str]) -> Page:
        return self._page(self.service.get("/pedidos", token, params=params))

    def uno(self, pedido_id: int, token: str) -> tuple[Pedido, str] | None:
        """An order with its ETag; None when there is none for this person."""
        try:
            answer = self.service.get(f"/pedidos/{pedido_id}", token)
        except RefusedError as refusal:
            if refusal.status == 404:
                return None
            raise
        pedido = read_pedido(self.service.json(answer))
        return None if pedido is None else (pedido, answer.headers.get("ETag", ""))

    def cambiar_estado(self, pedido_id: int, token: str, estado: str, version: int | None = None) -> None:
        """Moves an order; with `version` only if nobody changed it since it was that version (else 412)."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        self.service.call("PATCH", f"/pedidos/{pedido_id}", token, body={"estado": estado}, headers=headers)

    def _page(self, answer: Answer) -> Page:
        content = self.service.json(answer)
        rows = content.get("pedidos") if isinstance(content, dict) else content
        if not isinstance(rows, list):
            self.service.circuit.failed()
            raise UnavailableError("pedidos", "answered no list", sent=True)
        counts = _counts(content) if isinstance(content, dict) else None
        total = answer.headers.get("X-Total-Count", "").rstrip("+")
        known = int(total) if total.isascii() and total.isdigit() else None
        return Page(tuple(one for one in map(read_pedido, rows) if one is not None), known, counts)


def _counts(content: dict[str, Any]) -> dict[str, int] | None:
    counts = content.get("conteos") or content.get("por_estado") or content.get("estados")
    if not isinstance(counts, dict):
        return None
    return {str(estado): number for estado, number in counts.items() if isinstance(number, int)}


def _worth_repeating(problem: ServiceError) -> bool:
    if isinstance(problem, RefusedError):
        return problem.status == 503 or (problem.status == 409 and problem.codigo == "en_curso")
    return True


def _pause(attempt: int) -> bool:
    """Waits before a repetition, longer each time and never the same; False when the page has no time for
    it.
    """
    seconds = random.uniform(0.5, 1.0) * 0.4 * 2**attempt
    deadline = page_deadline.get()
    if deadline is not None and deadline - time.monotonic() < seconds + 0.5:
        return False
    time.sleep(seconds)
    return True


class Services:
    """The three services at their addresses. `adapter` carries the calls in tests; otherwise the network
    does.
    """

    def __init__(
        self, usuarios: str, productos: str, pedidos: str, adapter: BaseAdapter | None = None
    ) -> None:
        self.usuarios = Usuarios(Service("usuarios", usuarios, adapter))
        self.productos = Productos(Service("productos", productos, adapter))
        self.pedidos = Pedidos(Service("pedidos", pedidos, adapter))

    def each(self) -> tuple[Service, ...]:
        return self.usuarios.service, self.productos.service, self.pedidos.service
