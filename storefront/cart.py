"""The cart: product ids and quantities in a signed cookie of its own, so it outlives the session.

It carries the number of the purchase it will become. Every tab that shows this cart therefore confirms the
same purchase, and a confirmed purchase is never made twice.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from flask import g

from storefront import cookies
from storefront.security import new_key

MOST_LINES = 50
MOST_EACH = 10_000
DAYS_KEPT = 30


class CartLine(NamedTuple):
    """How many, and the price in cents that the shopper saw (0 where none was known)."""

    cantidad: int
    precio: int


@dataclass
class Cart:
    """Lines by product id, in the order they were added."""

    compra_id: str = field(default_factory=new_key)
    lines: dict[int, CartLine] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(line.cantidad for line in self.lines.values())

    @property
    def is_full(self) -> bool:
        return len(self.lines) >= MOST_LINES

    def quantity(self, producto_id: int) -> int:
        line = self.lines.get(producto_id)
        return line.cantidad if line else 0

    def put(self, producto_id: int, cantidad: int, precio: int) -> None:
        """Sets the quantity of a product and the price seen; 0 takes the product out."""
        if cantidad <= 0:
            self.lines.pop(producto_id, None)
        else:
            self.lines[producto_id] = CartLine(min(cantidad, MOST_EACH), precio)
        self.save()

    def renew(self) -> None:
        """What is left, or put in from now on, is another purchase."""
        self.compra_id = new_key()
        self.save()

    def save(self) -> None:
        lines = (f".{number}:{line.cantidad}:{line.precio}" for number, line in self.lines.items())
        cookies.write("carrito", self.compra_id + "".join(lines), DAYS_KEPT * 86400)


def cart() -> Cart:
    """The cart of this request."""
    if "cart" not in g:
        g.cart = _read(cookies.read("carrito"))
    return g.cart  # type: ignore[no-any-return]


def _read(text: str) -> Cart:
    if not text:
        return Cart()
    compra_id, *lines = text.split(".")
    fields = ([int(part) for part in line.split(":")] for line in lines[:MOST_LINES])
    return Cart(compra_id, {number: CartLine(cantidad, precio) for number, cantidad, precio in fields})
