"""What the services' JSON means, read without trust: what is missing or of another type is simply absent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storefront.i18n import parse_moment
from storefront.money import cents_of

ESTADOS = ("pendiente", "enviado", "entregado", "cancelado")


@dataclass(frozen=True)
class Imagen:
    """A picture of the products service; its files are `/imagenes/{hash}-{width}.{avif|webp|jpg}`."""

    hash: str
    alt: str


@dataclass(frozen=True)
class Producto:
    """A product. `precio` is in cents, None where it is no number; `stock` None where it is not counted."""

    id: int
    nombre: str
    precio: int | None
    descripcion: str = ""
    stock: int | None = None
    categoria: str = ""
    imagen: Imagen | None = None
    activo: bool = True
    creado_en: datetime | None = None
    counts_stock: bool = False  # the service said `stock` at all, if only null

    @property
    def sellable(self) -> bool:
        return self.activo and self.precio is not None and (self.stock is None or self.stock > 0)

    @property
    def most(self) -> int:
        """The largest quantity a form may ask for."""
        return 99 if self.stock is None else min(self.stock, 99)


@dataclass(frozen=True)
class Pedido:
    """An order line. Money in cents; members that only newer services tell are None or empty."""

    id: int
    usuario_id: int | None
    producto_id: int | None
    cantidad: int | None
    estado: str
    nombre: str = ""
    precio_unitario: int | None = None
    total: int | None = None
    moneda: str = ""
    creado_en: datetime | None = None
    compra_id: str = ""
    version: int | None = None
    motivo: str = ""
    tiempos: Mapping[str, datetime] = field(default_factory=dict)


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def read_imagen(value: Any) -> Imagen | None:
    if not isinstance(value, dict):
        return None
    name = _text(value.get("hash"))
    return Imagen(name, _text(value.get("alt"))) if name.isalnum() and name.isascii() else None


def read_producto(value: Any) -> Producto | None:
    """The product of a JSON object; None for what has no usable id."""
    if not isinstance(value, dict) or (number := _integer(value.get("id"))) is None:
        return None
    return Producto(
        id=number,
        nombre=_text(value.get("nombre")) or f"#{number}",
        precio=cents_of(value.get("precio")),
        descripcion=_text(value.get("descripcion")),
        stock=_integer(value.get("stock")),
        categoria=_text(value.get("categoria")),
        imagen=read_imagen(value.get("imagen")),
        activo=value.get("activo") is not False,
        creado_en=parse_moment(value.get("creado_en")),
        counts_stock="stock" in value,
    )


def read_nombres(value: Any) -> dict[int, str]:
    """Names by id of a list of accounts."""
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    named = {_integer(row.get("id")): _text(row.get("nombre")) for row in rows}
    return {number: nombre for number, nombre in named.items() if number is not None and nombre}


def read_pedido(value: Any) -> Pedido | None:
    """The order of a JSON object; None for what has no usable id."""
    if not isinstance(value, dict) or (number := _integer(value.get("id"))) is None:
        return None
    tiempos = {estado: parse_moment(value.get(f"{estado}_en")) for estado in ESTADOS}
    tiempos["pendiente"] = tiempos["pendiente"] or parse_moment(value.get("creado_en"))
    return Pedido(
        id=number,
        usuario_id=_integer(value.get("usuario_id")),
        producto_id=_integer(value.get("producto_id")),
        cantidad=_integer(value.get("cantidad")),
        estado=_text(value.get("estado")) or "pendiente",
        nombre=_text(value.get("nombre")),
        precio_unitario=cents_of(value.get("precio_unitario")),
        total=cents_of(value.get("total")),
        moneda=_text(value.get("moneda")),
        creado_en=parse_moment(value.get("creado_en")),
        compra_id=_text(value.get("compra_id")),
        version=_integer(value.get("version")),
        motivo=_text(value.get("motivo")),
        tiempos={estado: when for estado, when in tiempos.items() if when is not None},
    )
