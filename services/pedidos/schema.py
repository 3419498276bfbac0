"""What pedidos takes and gives, declared once: it validates, serialises and is the OpenAPI document."""

import uuid
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from services.common.moments import iso
from services.pedidos.model import CANTIDAD_MAXIMA, LONGEST_REASON

HIGHEST = 2**63 - 1
PAGE = 50

UsuarioId = Annotated[int, Meta(ge=0, le=HIGHEST, description="un entero desde 0")]
ProductoId = Annotated[int, Meta(ge=1, le=HIGHEST, description="un entero desde 1")]
Cantidad = Annotated[int, Meta(ge=1, le=CANTIDAD_MAXIMA, description=f"un entero de 1 a {CANTIDAD_MAXIMA}")]
CompraId = Annotated[uuid.UUID, Meta(description="un UUID")]
EstadoName = Annotated[
    Literal["pendiente", "enviado", "entregado", "cancelado"],
    Meta(description="pendiente, enviado, entregado o cancelado"),
]
Limite = Annotated[int, Meta(ge=1, le=500, description="un entero de 1 a 500")]
Pagina = Annotated[int, Meta(ge=1, le=1_000_000, description="un entero desde 1")]
Text = Annotated[str, Meta(max_length=120, description="un texto de hasta 120 caracteres")]
Motivo = Annotated[
    str, Meta(max_length=LONGEST_REASON, description=f"un texto de hasta {LONGEST_REASON} caracteres")
]


class NuevoPedido(Struct):
    """``usuario_id`` is the caller's own and may be left out; ``compra_id`` groups the lines of one purchase."""

    producto_id: ProductoId
    cantidad: Cantidad
    usuario_id: UsuarioId | UnsetType = UNSET
    compra_id: CompraId | UnsetType = UNSET


class Cambio(Struct):
    """The state that an order is to have, and why where it is cancelled."""

    estado: EstadoName
    motivo: Motivo | UnsetType = UNSET


class DeUsuario(Struct):
    """Which of a person's orders. Without ``limite`` and ``pagina`` all of them; oldest first where ``orden`` is not told."""

    limite: Limite | UnsetType = UNSET
    pagina: Pagina | UnsetType = UNSET
    estado: EstadoName | UnsetType = UNSET
    compra_id: CompraId | UnsetType = UNSET
    orden: Literal["recientes"] | UnsetType = UNSET


class DeTodos(Struct):
    """Which orders of the shop, newest first. ``q``: a number, a person's id, or part of a product's name."""

    estado: EstadoName | UnsetType = UNSET
    q: Text = ""
    limite: Limite = PAGE
    pagina: Pagina = 1


class Pedido(Struct):
    """An order. Money is in units of ``moneda``; times are ISO 8601 in UTC.

    An order of the original services has no price or times; what they held and no number can say is null, and stands in
    ``original`` as it was. ``version`` counts changes: ``If-Match: "<version>"`` lets a change happen only to what one saw.
    """

    id: int
    usuario_id: int | None
    producto_id: int | None
    cantidad: int | float | None
    estado: str
    nombre: str | None
    precio_unitario: float | None
    total: float | None
    moneda: str | None
    compra_id: str | None
    creado_en: str | None
    enviado_en: str | None
    entregado_en: str | None
    cancelado_en: str | None
    version: int
    motivo: str | None
    original: dict[str, Any] | UnsetType = UNSET


class Conteos(Struct):
    """How many orders of the whole shop are in each state; 1000 means that many or more."""

    pendiente: int
    enviado: int
    entregado: int
    cancelado: int


class Tablero(Struct):
    """One page of the shop's orders, and the counts per state."""

    pedidos: list[Pedido]
    conteos: Conteos


def pedido(row: Any) -> Pedido:
    """A stored order as it is answered."""
    answered = Pedido(
        id=row.id,
        usuario_id=row.usuario_id,
        producto_id=row.producto_id,
        cantidad=row.cantidad,
        estado=row.estado if row.estado_original is None else row.estado_original,
        nombre=row.nombre,
        precio_unitario=units(row.precio_unitario),
        total=units(row.total),
        moneda=row.moneda,
        compra_id=row.compra_id,
        creado_en=iso(row.creado_en),
        enviado_en=iso(row.enviado_en),
        entregado_en=iso(row.entregado_en),
        cancelado_en=iso(row.cancelado_en),
        version=row.version,
        motivo=row.motivo,
    )
    if row.original is not None:
        answered.original = msgspec.json.decode(row.original, type=dict[str, Any])
        number = answered.original.get("cantidad")
        if isinstance(number, float):
            answered.cantidad = number
    return answered


def units(cents: int | None) -> float | None:
    return None if cents is None else cents / 100
