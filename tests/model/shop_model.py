"""The shop as a few dictionaries: what each call must answer, and what it leaves behind (reliability.md P49).

It knows contract.md and nothing of how the services work: no saga, no reservation, no database.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

PENDIENTE, ENVIADO, ENTREGADO, CANCELADO = "pendiente", "enviado", "entregado", "cancelado"
ESTADOS = (PENDIENTE, ENVIADO, ENTREGADO, CANCELADO)
BUYER, ADMINISTRATOR, STRANGER = "buyer", "administrator", "stranger"
STEPS = {
    (PENDIENTE, CANCELADO): (BUYER, ADMINISTRATOR),
    (PENDIENTE, ENVIADO): (ADMINISTRATOR,),
    (ENVIADO, ENTREGADO): (ADMINISTRATOR,),
    (ENVIADO, PENDIENTE): (ADMINISTRATOR,),
    (ENTREGADO, ENVIADO): (ADMINISTRATOR,),
}
TIMES = {
    PENDIENTE: set[str](),
    ENVIADO: {"enviado_en"},
    ENTREGADO: {"enviado_en", "entregado_en"},
    CANCELADO: {"cancelado_en"},
}
EVERY_TIME = {"creado_en", "enviado_en", "entregado_en", "cancelado_en"}


class Told(NamedTuple):
    """What tells one answer from another."""

    status: int
    codigo: str | None = None
    repeated: bool = False


@dataclass
class Product:
    """``precio`` in cents. ``version`` counts edits."""

    id: int
    nombre: str
    precio: int
    stock: int | None
    categoria: str
    activo: bool = True
    version: int = 1

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "nombre": self.nombre,
            "precio": self.precio / 100,
            "descripcion": "",
            "stock": self.stock,
            "categoria": self.categoria,
            "imagen": None,
            "activo": self.activo,
        }


@dataclass
class Order:
    """``counted``: its units were taken from a counted stock."""

    id: int
    buyer: int
    product: int
    cantidad: int
    nombre: str
    precio: int
    counted: bool
    estado: str = PENDIENTE
    version: int = 1
    motivo: str | None = None

    def shown(self, usuario_id: int) -> dict[str, Any]:
        """As it is listed; a time is only said to be there."""
        return {
            "id": self.id,
            "usuario_id": usuario_id,
            "producto_id": self.product,
            "cantidad": self.cantidad,
            "estado": self.estado,
            "nombre": self.nombre,
            "precio_unitario": self.precio / 100,
            "total": self.precio * self.cantidad / 100,
            "moneda": "MXN",
            "compra_id": None,
            "version": self.version,
            "motivo": self.motivo,
            **{time: time == "creado_en" or time in TIMES[self.estado] for time in EVERY_TIME},
        }


@dataclass
class Key:
    """What a person's key stands for: a body, and its order or its refusal where there is one."""

    product: int
    cantidad: int
    order: int | None = None
    refused: bool = False


@dataclass
class ShopModel:
    """Products and orders by id; keys by person and text."""

    products: dict[int, Product] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    keys: dict[tuple[int, str], Key] = field(default_factory=dict)

    def listed(self) -> list[dict[str, Any]]:
        return [product.shown() for _, product in sorted(self.products.items()) if product.activo]

    def orders_of(self, buyer: int) -> Iterator[Order]:
        return (order for _, order in sorted(self.orders.items()) if order.buyer == buyer)

    def edit(self, producto_id: int, changes: Mapping[str, Any], seen: int) -> Told:
        """An administrator's edit, by who saw version ``seen``."""
        product = self.products[producto_id]
        if seen != product.version:
            return Told(412)
        for name, value in changes.items():
            setattr(product, name, value)
        product.version += 1
        return Told(200)

    def order(self, buyer: int, producto_id: int, cantidad: int, key: str | None) -> Told:
        """What an order is told. A new one stands in ``orders`` only after ``placed`` gave it its number."""
        known = self.keys.get((buyer, key)) if key else None
        if known and (known.product, known.cantidad) != (producto_id, cantidad):
            return Told(422, "clave_reutilizada")
        if known and known.order is not None:
            return Told(201, repeated=True)
        if known and known.refused:
            return Told(409, "sin_stock", repeated=True)
        told = self._told(self.products.get(producto_id), cantidad)
        if key:
            self.keys[buyer, key] = Key(producto_id, cantidad, refused=told.status == 409)
        return told

    @staticmethod
    def _told(product: Product | None, cantidad: int) -> Told:
        if product is None:
            return Told(422, "producto_desconocido")
        if not product.activo:
            return Told(422, "producto_retirado")
        if product.stock is not None and product.stock < cantidad:
            return Told(409, "sin_stock")
        return Told(201)

    def placed(self, pedido_id: int, buyer: int, producto_id: int, cantidad: int, key: str | None) -> None:
        """The order that ``order`` said would be placed has this number: that of its key's first try."""
        assert pedido_id not in self.orders, "two orders have one number"
        product = self.products[producto_id]
        counted = product.stock is not None
        if product.stock is not None:
            product.stock -= cantidad
        self.orders[pedido_id] = Order(
            pedido_id, buyer, producto_id, cantidad, product.nombre, product.precio, counted
        )
        if key:
            self.keys[buyer, key].order = pedido_id

    def left(self, buyer: int, producto_id: int, cantidad: int, key: str) -> None:
        """An order that was never placed: its key keeps its body and nothing else."""
        self.keys[buyer, key] = Key(producto_id, cantidad)

    def is_open(self, buyer: int, key: str | None) -> bool:
        """Whether the key is known and undecided: what it stood for may still be on its way out."""
        known = self.keys.get((buyer, key)) if key else None
        return known is not None and known.order is None and not known.refused

    def move(
        self, pedido_id: int, who: str, estado: str, seen: int | None = None, motivo: str | None = None
    ) -> Told:
        """A step of an order by who saw version ``seen``, or did not look."""
        order = self.orders[pedido_id]
        if who == STRANGER:
            return Told(404)
        if seen is not None and seen != order.version:
            return Told(412)
        if order.estado == estado:
            return Told(200)
        if (order.estado, estado) not in STEPS:
            return Told(409, "estado_ilegal")
        if who not in STEPS[order.estado, estado]:
            return Told(403)
        order.estado = estado
        order.version += 1
        if estado == CANCELADO:
            order.motivo = motivo
            self._give_back(order)
        return Told(200)

    def _give_back(self, order: Order) -> None:
        product = self.products[order.product]
        if order.counted and product.stock is not None:
            product.stock += order.cantidad
