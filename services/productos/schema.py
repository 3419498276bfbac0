"""What the catalogue service takes and gives (contract.md sections 2 to 4)."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from services.common.moments import iso
from services.common.text import ONE_LINE
from services.productos.model import (
    HIGHEST_PRICE,
    HIGHEST_STOCK,
    LOWEST_PRICE,
    Estado,
    Producto,
    amount,
    exact_cents,
)

# New lines and tabs may stand in a text; other control characters and marks that turn its direction may not.
LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$"

AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?")


class Centavos(int):
    """A price as integer cents, read from a JSON number with at most two decimals."""

    json_schema = {  # noqa: RUF012 - read, never changed
        "type": "number",
        "minimum": LOWEST_PRICE / 100,
        "maximum": HIGHEST_PRICE / 100,
        "multipleOf": 0.01,
    }

    @classmethod
    def parse(cls, value: Any) -> "Centavos":
        if type(value) not in (int, Decimal):
            raise ValueError("a price is a number")
        return cls(exact_cents(Decimal(value)))


class CentavosBuscados(int):
    """A price to search by, read from a query's text."""

    json_schema = {"type": "number", "minimum": 0, "maximum": HIGHEST_PRICE / 100, "multipleOf": 0.01}  # noqa: RUF012

    @classmethod
    def parse(cls, value: Any) -> "CentavosBuscados":
        if not isinstance(value, str) or not AMOUNT.fullmatch(value):
            raise ValueError("a price is a number")
        return cls(0 if Decimal(value) == 0 else exact_cents(Decimal(value)))


Id = Annotated[int, Meta(ge=0, le=10**18 - 1, description="un número de producto")]
Nombre = Annotated[
    str, Meta(min_length=1, max_length=120, pattern=ONE_LINE, description="un texto de 1 a 120 caracteres")
]
Precio = Annotated[Centavos, Meta(description="un número de 0.01 a 9999999.99 con dos decimales como máximo")]
Descripcion = Annotated[
    str, Meta(max_length=10_000, pattern=LINES, description="un texto de 10 000 caracteres como máximo")
]
Stock = Annotated[
    int, Meta(ge=0, le=HIGHEST_STOCK, description="un entero de 0 a 1 000 000 000, o null si no se cuenta")
]
Categoria = Annotated[
    str,
    Meta(min_length=1, max_length=60, pattern=ONE_LINE, description="un texto de 1 a 60 caracteres, o null"),
]
Alt = Annotated[
    str, Meta(max_length=300, pattern=LINES, description="un texto de 300 caracteres como máximo")
]
Buscado = Annotated[
    CentavosBuscados, Meta(description="un número de 0 a 9999999.99 con dos decimales como máximo")
]
Activo = Annotated[
    Literal["true", "false", "todos"], Meta(description="true, false o todos; para administradores")
]
Orden = Annotated[
    Literal["nombre", "precio", "-precio", "recientes", "relevancia"],
    Meta(description="nombre, precio, -precio, recientes o relevancia"),
]
Cantidad = Annotated[int, Meta(ge=1, le=10_000, description="un entero de 1 a 10 000")]


class NuevoProducto(Struct):
    """``descripcion: null`` is the empty text: the original service took it, and its clients may still send it."""

    nombre: Nombre
    precio: Precio
    descripcion: Descripcion | None = ""
    stock: Stock | None = None
    categoria: Categoria | None = None


class Cambios(Struct):
    """What is left out stays as it is. ``activo: true`` brings a withdrawn product back."""

    nombre: Nombre | UnsetType = UNSET
    precio: Precio | UnsetType = UNSET
    descripcion: Descripcion | UnsetType = UNSET
    stock: Stock | UnsetType | None = UNSET
    categoria: Categoria | UnsetType | None = UNSET
    activo: bool | UnsetType = UNSET
    imagen_alt: Alt | UnsetType = UNSET


class Busqueda(Struct):
    """Without any of these the answer is the whole catalogue; with one, a page of what matches."""

    q: (
        Annotated[str, Meta(max_length=100, description="un texto de 100 caracteres como máximo")] | UnsetType
    ) = UNSET
    categoria: (
        Annotated[str, Meta(max_length=60, description="un texto de 60 caracteres como máximo")] | UnsetType
    ) = UNSET
    precio_min: Buscado | UnsetType = UNSET
    precio_max: Buscado | UnsetType = UNSET
    disponibles: Annotated[bool, Meta(description="true o false")] | UnsetType = UNSET
    activo: Activo | UnsetType = UNSET
    orden: Orden | UnsetType = UNSET
    limite: Annotated[int, Meta(ge=1, le=500, description="un entero de 1 a 500")] | UnsetType = UNSET
    pagina: Annotated[int, Meta(ge=1, le=1_000_000, description="un entero de 1 a 1 000 000")] | UnsetType = (
        UNSET
    )


class TextoDeImagen(Struct):
    """``alt`` says what the picture shows, for those who do not see it."""

    alt: Alt | UnsetType = UNSET


class Imagen(Struct):
    """Its files are ``/imagenes/{hash}-{width}.{avif|webp|jpg}`` for the widths 320, 480, 640 and 960.

    ``ancho`` and ``alto`` are those of the largest file.
    """

    hash: str
    ancho: int
    alto: int
    alt: str


class ProductoPublicado(Struct):
    """The first four members are the original service's. ``precio_original`` comes with a price that is no number."""

    id: int
    nombre: str
    precio: float | None
    descripcion: str
    stock: int | None
    categoria: str | None
    imagen: Imagen | None
    activo: bool
    creado_en: str | None
    precio_original: str | UnsetType = UNSET


def published(producto: Producto) -> ProductoPublicado:
    """A product as it is shown."""
    return ProductoPublicado(
        id=producto.id,
        nombre=producto.nombre,
        precio=amount(producto.precio),
        descripcion=producto.descripcion,
        stock=producto.stock,
        categoria=producto.categoria,
        imagen=_picture(producto),
        activo=bool(producto.activo),
        creado_en=iso(producto.creado_en),
        precio_original=producto.precio_original or UNSET,
    )


def _picture(producto: Producto) -> Imagen | None:
    if producto.imagen is None or producto.imagen_ancho is None or producto.imagen_alto is None:
        return None
    return Imagen(producto.imagen, producto.imagen_ancho, producto.imagen_alto, producto.imagen_alt)


class CategoriaPublicada(Struct):
    """A category with the number of its products that are not withdrawn."""

    categoria: str
    productos: int


class NuevaReserva(Struct):
    producto_id: Id
    cantidad: Cantidad


class ReservaTomada(Struct):
    """Name and price are those of the moment of the reservation."""

    id: str
    producto_id: int
    cantidad: int
    estado: Literal["tomada"]
    nombre: str
    precio: float
    moneda: str


class ReservaCancelada(Struct):
    id: str
    estado: Literal["cancelada"]


class ReservaLeida(Struct):
    """A reservation cancelled before it was ever taken has no product."""

    id: str
    estado: Estado
    producto_id: int | None
    cantidad: int | None
    nombre: str | None
    precio: float | None
    moneda: str | None
