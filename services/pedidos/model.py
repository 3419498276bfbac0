"""The rules of an order, without HTTP or SQL: its states, its phases, and what a repeated request means."""

import unicodedata
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

CANTIDAD_MAXIMA = 10_000
CENTAVOS_MAXIMOS = 999_999_999  # a price of 9 999 999.99
LONGEST_REASON = 200  # characters


class Estado(StrEnum):
    """What the shop's people see. DESCONOCIDO is old data in a spelling of its own, which is shown as it was."""

    PENDIENTE = "pendiente"
    ENVIADO = "enviado"
    ENTREGADO = "entregado"
    CANCELADO = "cancelado"
    DESCONOCIDO = "desconocido"


class Fase(StrEnum):
    """Where the ordering protocol stands (reliability.md section 1); only confirmed orders are ever shown."""

    INTENTO = "intento"
    CONFIRMADO = "confirmado"
    RECHAZADO = "rechazado"
    ABORTANDO = "abortando"
    ABORTADO = "abortado"
    DEVOLVIENDO = "devolviendo"
    DEVUELTO = "devuelto"


BUYER_STEPS = frozenset({(Estado.PENDIENTE, Estado.CANCELADO)})
STEPS = BUYER_STEPS | {
    (Estado.PENDIENTE, Estado.ENVIADO),
    (Estado.ENVIADO, Estado.ENTREGADO),
    (Estado.ENVIADO, Estado.PENDIENTE),
    (Estado.ENTREGADO, Estado.ENVIADO),
}
TIMES = {
    Estado.ENVIADO: "enviado_en",
    Estado.ENTREGADO: "entregado_en",
    Estado.CANCELADO: "cancelado_en",
}


class RefusedError(Exception):
    """The order is not placed or not changed, for the reason ``codigo``. ``repeated``: it was answered before."""

    def __init__(self, codigo: str, *, repeated: bool = False) -> None:
        super().__init__(codigo)
        self.codigo = codigo
        self.repeated = repeated


class ForbiddenError(Exception):
    """The caller lacks the right to this step."""


class UnconfirmedError(Exception):
    """Not placed, unless it is asked for again with the same key."""


@dataclass(frozen=True)
class Encargo:
    """What somebody asks for. Without ``clave`` each request is an intention of its own."""

    usuario_id: int
    producto_id: int
    cantidad: int
    compra_id: str | None = None
    clave: str | None = None

    @property
    def huella(self) -> str:
        """Equal for requests that mean the same."""
        return f"{self.producto_id}/{self.cantidad}/{self.compra_id or ''}"


@dataclass(frozen=True)
class Attempt:
    """One try at an order: the reservation's id is never used by another try."""

    pedido_id: int
    intento_n: int
    reserva_id: str
    plazo: int


@dataclass(frozen=True)
class Reserva:
    """What productos holds for an order, and at what price (``precio`` in cents)."""

    nombre: str
    precio: int
    moneda: str

    def total(self, cantidad: int) -> int:
        return self.precio * cantidad


@dataclass(frozen=True)
class Placed:
    """The order exists; ``repeated``: it did before this request."""

    pedido_id: int
    repeated: bool


class Resumption(Enum):
    """What a request does about an order that its key already knows."""

    REPLAY = "answer that it is placed"
    CONTINUE = "go on with the same attempt"
    RESTART = "make another attempt"


def resume(fase: str, same_body: bool, lease_over: bool) -> Resumption:
    """Step 1 of the protocol for a known key; raise RefusedError or UnconfirmedError."""
    if not same_body:
        raise RefusedError("clave_reutilizada")
    match Fase(fase):
        case Fase.CONFIRMADO | Fase.DEVOLVIENDO | Fase.DEVUELTO:
            return Resumption.REPLAY
        case Fase.RECHAZADO:
            raise RefusedError("sin_stock", repeated=True)
        case Fase.ABORTANDO:
            raise UnconfirmedError
        case Fase.ABORTADO:
            return Resumption.RESTART
        case Fase.INTENTO:
            if not lease_over:
                raise RefusedError("en_curso")
            return Resumption.CONTINUE


def change(pedido: Any, wanted: Estado, *, administrator: bool, now: int, motivo: str = "") -> dict[str, Any]:
    """The members of ``pedido`` that a step to ``wanted`` changes, none where it is there already.

    Raise RefusedError for a step that nobody may take, ForbiddenError for one that only an administrator may.
    Cancelling an order that holds a reservation begins its return, and keeps why (``motivo``) where that is said.
    """
    present = Estado(pedido.estado)
    if present == wanted:
        return {}
    if (present, wanted) not in STEPS:
        raise RefusedError("estado_ilegal")
    if not administrator and (present, wanted) not in BUYER_STEPS:
        raise ForbiddenError
    changed: dict[str, Any] = {"estado": wanted, "estado_original": None, "version": pedido.version + 1}
    left_behind = TIMES.get(present)
    if left_behind and wanted != Estado.ENTREGADO:
        changed[left_behind] = None
    if wanted in TIMES and getattr(pedido, TIMES[wanted]) is None:
        changed[TIMES[wanted]] = now
    if wanted == Estado.CANCELADO and pedido.reserva_id is not None:
        changed["fase"] = Fase.DEVOLVIENDO
    if wanted == Estado.CANCELADO and motivo:
        changed["motivo"] = motivo
    return changed


def estado_of(text: str | None) -> Estado:
    """The state that old data means: NULL is pendiente, capitals and blanks do not matter."""
    if text is None:
        return Estado.PENDIENTE
    try:
        return Estado(text.strip().lower())
    except ValueError:
        return Estado.DESCONOCIDO


def folded(text: str) -> str:
    """``text`` without accents and capitals, for searching."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()
