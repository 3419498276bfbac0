"""The three services as the shop uses them: the only place that knows their calls and what they can do.

Nothing is relied on beyond the frozen contract (contract.md section 2): what else a service can do is read from its
OpenAPI document, the headers and the members it answers.
"""

import random
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from requests.adapters import BaseAdapter

from storefront.service import Answer, RefusedError, Service, ServiceError, UnavailableError, page_deadline
from storefront.wire import Pedido, Producto, read_nombres, read_pedido, read_producto

LARGEST_LIST = 32_000_000
LARGEST_PICTURE = 6_000_000
MOST_NAMES = 100
RETRIES = 2
PAGE_LIMIT = 500


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

    def nombres(self, token: str, numbers: Iterable[int]) -> dict[int, str]:
        """The names of accounts by id, as far as the service tells them; an administrator's token."""
        wanted = sorted(set(numbers))[:MOST_NAMES]
        if not wanted or not self.service.abilities.can("GET /usuarios", "id"):
            return {}
        query = urlencode([("id", number) for number in wanted])
        rows = self.service.json(self.service.get(f"/usuarios?{query}", token))
        return read_nombres(rows)

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
    def takes_reason(self) -> bool:
        """Whether a cancellation may say why."""
        return self.service.abilities.takes("PATCH /pedidos/{}", "motivo")

    @property
    def lists_all(self) -> bool:
        return self.service.abilities.can("GET /pedidos")

    def crear(
        self, token: str, usuario_id: int, producto_id: int, cantidad: int, *, key: str, compra_id: str
    ) -> int | None:
        """Places an order; its number where the service tells it.

        Towards a service that knows keys the call is repeated at most twice; before it has said whether it
        does, nothing is sent: an order sent without its key could be sent a second time with it. Raises
        RefusedError, and UnavailableError whose `sent` says whether the order may exist all the same.
        """
        body: dict[str, Any] = {"usuario_id": usuario_id, "producto_id": producto_id, "cantidad": cantidad}
        if not self.service.is_described():
            raise UnavailableError("pedidos", "has not said what it can do", sent=False)
        repeats = self.repeats
        if self.service.abilities.takes("POST /pedidos", "compra_id"):
            body["compra_id"] = compra_id
        headers = {"Idempotency-Key": key} if repeats else {}
        self._budget.earn()
        sent = False
        for attempt in range(1 + RETRIES):
            try:
                answer = self.service.call("POST", "/pedidos", token, body=body, headers=headers)
                self._check_placed(answer)
                return _number_of(answer.headers.get("Location", ""))
            except (UnavailableError, RefusedError) as problem:
                sent = sent or (isinstance(problem, UnavailableError) and problem.sent)
                last = attempt == RETRIES or not repeats or not _worth_repeating(problem)
                if last or not self._budget.spend() or not _pause(attempt):
                    # Such a refusal speaks of its own request: what an earlier one did stays unknown.
                    if isinstance(problem, UnavailableError) or (sent and problem.status in (429, 503)):
                        raise UnavailableError("pedidos", str(problem), sent=sent) from None
                    raise
        raise AssertionError("unreachable")

    def _check_placed(self, answer: Answer) -> None:
        """What is not the contract's answer to an order says nothing about it."""
        if answer.status != 201 or "mensaje" not in answer.json_object():
            self.service.circuit.failed()
            raise UnavailableError("pedidos", "answered no order", sent=True)

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

    def cambiar_estado(
        self, pedido_id: int, token: str, estado: str, version: int | None = None, motivo: str = ""
    ) -> None:
        """Moves an order; with `version` only if nobody changed it since it was that version (else 412)."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        body = {"estado": estado} | ({"motivo": motivo} if motivo else {})
        self.service.call("PATCH", f"/pedidos/{pedido_id}", token, body=body, headers=headers)

    def _page(self, answer: Answer) -> Page:
        content = self.service.json(answer)
        rows = content.get("pedidos") if isinstance(content, dict) else content
        if not isinstance(rows, list):
            self.service.circuit.failed()
            raise UnavailableError("pedidos", "answered no list", sent=True)
        counts = _counts(content, answer.headers.get("X-Total-Por-Estado", ""))
        total = answer.headers.get("X-Total-Count", "").rstrip("+")
        known = int(total) if total.isascii() and total.isdigit() else None
        return Page(tuple(one for one in map(read_pedido, rows) if one is not None), known, counts)


def _counts(content: Any, header: str) -> dict[str, int] | None:
    """The count per state, which the board says in its body and a person's page in a header."""
    if isinstance(content, dict) and isinstance(content.get("conteos"), dict):
        return {
            str(estado): number for estado, number in content["conteos"].items() if isinstance(number, int)
        }
    pairs = [part.strip().partition("=") for part in header.split(",")]
    return {
        estado: int(number) for estado, _is, number in pairs if number.isascii() and number.isdigit()
    } or None


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
