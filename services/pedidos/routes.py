"""HTTP in, one call, HTTP out."""

import hashlib
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Response, request
from msgspec import UNSET, UnsetType

from services.common.api import Api, Message
from services.common.database import Database
from services.common.errors import ApiError, error_response, json_response, unavailable
from services.common.front import Answer, answered, json_answer
from services.common.tokens import Caller
from services.pedidos import store
from services.pedidos.metrics import CountedOrders
from services.pedidos.model import (
    Encargo,
    Estado,
    ForbiddenError,
    RefusedError,
    UnconfirmedError,
    change,
)
from services.pedidos.prepared import Mark, PreparedLists
from services.pedidos.productos import DEADLINE_HEADER
from services.pedidos.saga import ORDER_SECONDS, Saga
from services.pedidos.schema import (
    PAGE,
    Cambio,
    Conteos,
    DeTodos,
    DeUsuario,
    NuevoPedido,
    Pedido,
    Tablero,
    pedido,
)

REFUSALS = {
    "en_curso": (409, "Este mismo pedido todavía se está procesando"),
    "sin_stock": (409, "No hay suficientes existencias de este producto"),
    "estado_ilegal": (409, "El pedido no puede pasar de su estado a ese"),
    "clave_reutilizada": (422, "La clave ya se usó para otro pedido"),
    "producto_desconocido": (422, "El producto no existe"),
    "producto_retirado": (422, "El producto ya no está a la venta"),
}
READER = "lector"
REPEATED = {"Idempotent-Replayed": "true"}


def declare(api: Api, database: Database, saga: Saga) -> None:
    """The endpoints of contract.md sections 2 and 4 for pedidos."""
    api.app.register_error_handler(RefusedError, refused)
    api.app.register_error_handler(ForbiddenError, lambda _error: error_response(ApiError(403)))
    api.app.register_error_handler(UnconfirmedError, unconfirmed)
    declare_placing(api, saga)
    declare_lists(api, database)
    declare_one(api, database, saga)


def declare_placing(api: Api, saga: Saga) -> None:
    orders = CountedOrders(saga, api.metrics, REFUSALS)

    @api.endpoint("POST", "/pedidos", {201: Message}, errors=(403, 409, 422), headers=("Idempotency-Key",))
    def place(caller: Caller, body: NuevoPedido) -> Response:
        """Order a product.

        Requests with the same Idempotency-Key (1 to 255 visible ASCII characters) are one intention: repeating them
        places one order at most and answers the same, with the header Idempotent-Replayed. 503 means that nothing was
        ordered, unless it is asked for again with the same key. 409 tells sin_stock from en_curso by its codigo; 422
        producto_desconocido, producto_retirado and clave_reutilizada (the key stands for another order).
        """
        deadline = time.monotonic() + _seconds()
        clave = _key()
        if caller.rol == READER or _given(body.usuario_id) not in (None, caller.usuario_id):
            raise ApiError(403)
        encargo = Encargo(caller.usuario_id, body.producto_id, body.cantidad, _text_of(body.compra_id), clave)
        placed = orders.place(encargo, deadline)
        headers = {"Location": f"/pedidos/{placed.pedido_id}", **(REPEATED if placed.repeated else {})}
        return json_response(Message("Pedido creado correctamente"), 201, headers)


def declare_lists(api: Api, database: Database) -> None:
    answers = {200: list[Pedido], 304: None}
    lists = PreparedLists()

    def whole(usuario_id: int) -> Answer:
        with database.read() as connection:
            mark = store.mark(connection, usuario_id)
            known = lists.find(usuario_id, mark)
            if known:
                return known
            rows = store.listed(connection, store.of_user(usuario_id, None, None))
        content = msgspec.json.encode([pedido(row) for row in rows])
        answer = private(content, etag_of(content), {"X-Total-Count": str(len(rows))})
        lists.keep(usuario_id, mark, answer)
        return answer

    marks = database.glance(store.MARK)

    def lying_ready(caller: Caller, usuario_id: int | None) -> Answer | None:
        """One's own whole list, where it is known in its newest state."""
        mark = marks.row(caller.usuario_id) if usuario_id == caller.usuario_id else None
        return lists.find(caller.usuario_id, Mark(*mark)) if mark else None

    api.answer_at_once("/pedidos/usuario/<id:usuario_id>", lying_ready)

    @api.endpoint(
        "GET", "/pedidos/usuario/<id:usuario_id>", answers, errors=(403,), headers=("If-None-Match",)
    )
    def of_user(caller: Caller, usuario_id: int, query: DeUsuario) -> Response:
        """A person's orders by number, or with orden=recientes the newest first: one's own, an administrator anybody's.

        Without limite and pagina all of them. X-Total-Count counts them (paged: up to 1000, then 1000+). A page's Link
        leads to the next one, and X-Total-Por-Estado says how many of that person's orders are in each state, whatever
        estado is asked for (absent where they are more than 1000).
        """
        if usuario_id != caller.usuario_id and not is_administrator(caller):
            raise ApiError(403)
        if query == DeUsuario():
            return answered(whole(usuario_id))
        condition = store.of_user(usuario_id, _given(query.estado), _text_of(query.compra_id))
        newest_first = query.orden is not UNSET
        if query.limite is UNSET and query.pagina is UNSET:
            with database.read() as connection:
                rows = store.listed(connection, condition, newest_first=newest_first)
            return listing([pedido(row) for row in rows], {"X-Total-Count": str(len(rows))})
        page = Page(_given(query.pagina) or 1, _given(query.limite) or PAGE)
        with database.read() as connection:
            rows = store.listed(connection, condition, page.size + 1, page.offset, newest_first=newest_first)
            total = store.counted(connection, condition)
            counts = store.per_state_of_user(connection, usuario_id)
        told = {} if counts is None else {"X-Total-Por-Estado": _joined(counts)}
        return listing([pedido(row) for row in rows[: page.size]], page.headers(rows, total) | told)

    @api.endpoint("GET", "/pedidos", {200: Tablero, 304: None}, errors=(403,), headers=("If-None-Match",))
    def of_all(caller: Caller, query: DeTodos) -> Response:
        """One page of everybody's orders, newest first, and how many are in each state; for administrators."""
        if not is_administrator(caller):
            raise ApiError(403)
        page = Page(query.pagina, query.limite)
        with database.read() as connection:
            rows, total = store.newest(
                connection, _given(query.estado), query.q.strip(), page.size + 1, page.offset
            )
            conteos = Conteos(**store.per_state(connection))
        tablero = Tablero([pedido(row) for row in rows[: page.size]], conteos)
        return listing(tablero, page.headers(rows, total))


def declare_one(api: Api, database: Database, saga: Saga) -> None:
    path = "/pedidos/<id:pedido_id>"

    @api.endpoint("GET", path, {200: Pedido, 304: None}, headers=("If-None-Match",))
    def one(caller: Caller, pedido_id: int) -> Response:
        """One order: one's own, an administrator anybody's. Its ETag is its version."""
        with database.read() as connection:
            row = store.find(connection, pedido_id, _owner(caller))
        if row is None:
            raise ApiError(404)
        return answered(private(msgspec.json.encode(pedido(row)), f'"{row.version}"', {}))

    @api.endpoint("PATCH", path, {200: Pedido}, errors=(403, 409, 412), headers=("If-Match",))
    def move(caller: Caller, pedido_id: int, body: Cambio) -> Response:
        """Move an order to another state.

        pendiente → enviado → entregado, pendiente → cancelado (final; its stock goes back), and one state back. The buyer
        may cancel while it is pendiente, the rest is the administrator's. The state that it has already: nothing changes.
        409 (codigo estado_ilegal) for any other step. With If-Match only what one saw is changed, else 412. Cancelling may
        say why: motivo, which every answer about the order then carries.
        """
        wanted = Estado(body.estado)
        if body.motivo is not UNSET and wanted != Estado.CANCELADO:
            raise ApiError(400, detalles={"motivo": "Solo se dice al cancelar"})
        if caller.rol == READER:
            raise ApiError(403)

        def decide(row: Any) -> dict[str, Any]:
            if "If-Match" in request.headers and not request.if_match.contains(str(row.version)):
                raise ApiError(412, "El pedido cambió desde que lo viste")
            now = int(time.time() * 1000)
            why = (_given(body.motivo) or "").strip()
            return change(row, wanted, administrator=is_administrator(caller), now=now, motivo=why)

        row = saga.change(pedido_id, _owner(caller), decide)
        if row is None:
            raise ApiError(404)
        return json_response(pedido(row), headers={"ETag": f'"{row.version}"'})


def refused(refusal: RefusedError) -> Response:
    status, error = REFUSALS[refusal.codigo]
    headers = REPEATED if refusal.repeated else {"Retry-After": "1"} if refusal.codigo == "en_curso" else {}
    return error_response(ApiError(status, error, refusal.codigo, headers=headers))


def unconfirmed(_error: UnconfirmedError) -> Response:
    return error_response(unavailable("El pedido no se hizo, salvo que lo repitas con la misma clave"))


def is_administrator(caller: Caller) -> bool:
    return caller.rol == "administrador"


def listing(body: list[Pedido] | Tablero, headers: dict[str, str]) -> Response:
    content = msgspec.json.encode(body)
    return answered(private(content, etag_of(content), headers))


def etag_of(content: bytes) -> str:
    return f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'


def private(content: bytes, etag: str, headers: dict[str, str]) -> Answer:
    """A private answer in JSON that a client may keep and ask about."""
    return json_answer(content, {**headers, "ETag": etag, "Cache-Control": "private, no-cache"})


def _owner(caller: Caller) -> int | None:
    """Whose orders the caller finds: everybody's for an administrator."""
    return None if is_administrator(caller) else caller.usuario_id


def _key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (1 <= len(key) <= 255 and all("!" <= character <= "~" for character in key)):
        raise ApiError(400, "Idempotency-Key debe tener de 1 a 255 caracteres ASCII visibles")
    return key


def _seconds() -> float:
    """How long this order may take: less where its caller waits less."""
    text = request.headers.get(DEADLINE_HEADER, "")
    if text.isascii() and text.isdigit() and len(text) < 6:
        return min(ORDER_SECONDS, int(text) / 1000)
    return ORDER_SECONDS


def _given(value: Any) -> Any:
    return None if isinstance(value, UnsetType) else value


def _text_of(compra_id: uuid.UUID | UnsetType) -> str | None:
    return None if isinstance(compra_id, UnsetType) else str(compra_id)


@dataclass(frozen=True)
class Page:
    """Which part of a list is asked for; one row more is read, to know whether another page follows."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    def headers(self, rows: store.Rows, total: int) -> dict[str, str]:
        """X-Total-Count, and Link to the pages beside this one."""
        count = str(total) if total <= store.COUNTED else f"{store.COUNTED}+"
        pages = {"prev": self.number - 1, "next": self.number + 1 if len(rows) > self.size else 0}
        links = [f'<{_address(number)}>; rel="{name}"' for name, number in pages.items() if number]
        return {"X-Total-Count": count, **({"Link": ", ".join(links)} if links else {})}


def _joined(counts: dict[str, int]) -> str:
    return ", ".join(f"{estado}={count}" for estado, count in counts.items())


def _address(page: int) -> str:
    return f"{request.path}?{urlencode({**request.args, 'pagina': page})}"
