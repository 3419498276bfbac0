"""The cart: what is in it, changed line by line."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from storefront.cart import Cart, CartLine, cart
from storefront.catalogo import find_product, price_text, product_page, product_url, stale_text, withdrawn
from storefront.forms import read_id, read_quantity
from storefront.i18n import _, ngettext
from storefront.notices import notify
from storefront.pages import money, render
from storefront.security import own_address
from storefront.seen import seen
from storefront.service import ServiceError
from storefront.session import visitor
from storefront.shop import shop
from storefront.wire import Producto

area = Blueprint("carrito", __name__)


@dataclass(frozen=True)
class Line:
    """A line as it stands now. `problem` is gone, sold_out, too_many or empty; such a line is not bought."""

    id: int
    cantidad: int
    nombre: str
    producto: Producto | None
    precio: int | None
    seen: int
    problem: str = ""

    @property
    def total(self) -> int:
        return 0 if self.precio is None else self.precio * self.cantidad

    @property
    def counts(self) -> bool:
        """Whether the line is bought: it is in the total and in the purchase."""
        return self.problem == "" and self.precio is not None

    @property
    def price_changed(self) -> bool:
        return self.counts and self.seen not in (0, self.precio)


@dataclass(frozen=True)
class Contents:
    """The cart against the catalogue. `stale` says how old the prices are; `known` is False without any."""

    lines: tuple[Line, ...]
    stale: str = ""
    known: bool = True

    @property
    def total(self) -> int:
        return sum(line.total for line in self.lines if line.counts)

    @property
    def bought(self) -> list[Line]:
        return [line for line in self.lines if line.counts]


def contents(held: Cart, token: str) -> Contents:
    """What the cart holds at the prices of now, or the last known ones while productos is down."""
    try:
        products, copy = shop().shelf.several(list(held.lines), token)
    except ServiceError:
        lines = (
            Line(number, line.cantidad, _("Producto %(n)s", n=number), None, line.precio or None, line.precio)
            for number, line in held.lines.items()
        )
        return Contents(tuple(lines), known=False)
    return Contents(
        tuple(_line(number, line, products[number]) for number, line in held.lines.items()), stale_text(copy)
    )


def _line(number: int, held: CartLine, producto: Producto | None) -> Line:
    problem = ""
    if producto is None or not producto.activo or producto.precio is None:
        problem = "gone"
    elif producto.stock is not None and producto.stock <= 0:
        problem = "sold_out"
    elif producto.stock is not None and producto.stock < held.cantidad:
        problem = "too_many"
    return Line(
        number,
        held.cantidad,
        producto.nombre if producto else _("Producto %(n)s", n=number),
        producto,
        producto.precio if producto else None,
        held.precio,
        problem,
    )


@area.get("/carrito")
def ver() -> ResponseReturnValue:
    return _cart_page()


def _cart_page(status: int = 200, errors: dict[int, tuple[str, str]] | None = None) -> ResponseReturnValue:
    """The cart; `errors` has the typed text and the message of each line that could not be changed."""
    held = cart()
    inside = contents(held, visitor().token)
    return render(
        "carrito/ver.html",
        "carrito",
        status,
        inside=inside,
        errors=errors or {},
        error_links=[(f"cantidad-{number}", text) for number, (_typed, text) in (errors or {}).items()],
        product_url=product_url,
        price_text=price_text,
        last_seen=[] if inside.lines else _last_seen(),
    )


def _last_seen() -> list[Producto]:
    """What was looked at last and is still sold; nothing while that cannot be told."""
    try:
        products, _copy = shop().shelf.several(seen(), visitor().token)
    except ServiceError:
        return []
    return [one for one in products.values() if one is not None and one.activo]


@area.post("/carrito/lineas")
def agregar() -> ResponseReturnValue:
    """Adds a product. The stepper of the product page without JavaScript is a change of quantity only."""
    producto_id = read_id(request.form.get("producto", ""))
    found, copy = find_product(producto_id)
    if not found.activo:
        return withdrawn(found)
    typed = request.form.get("cantidad", "1")
    cantidad = read_quantity(typed)
    if step := _step():
        return redirect(
            f"{product_url(found)}?cantidad={max(1, min((cantidad or 1) + step, found.most))}", 303
        )
    if cantidad is None or cantidad < 1:
        return product_page(
            found, copy, typed[:10], _("Escribe una cantidad con números, por ejemplo 2"), 422
        )
    return _add(found, copy, cantidad)


def _add(found: Producto, copy: Any, cantidad: int) -> ResponseReturnValue:
    held = cart()
    if not found.sellable:
        return product_page(found, copy, 1, _("Este producto no se puede comprar ahora."), 422)
    if held.is_full and found.id not in held.lines:
        notify("warn", _("Tu carrito admite 50 productos distintos. Quita alguno para agregar otro."))
        return redirect(url_for("carrito.ver"), 303)
    wanted = held.quantity(found.id) + cantidad
    room = 10_000 if found.stock is None else found.stock
    if cantidad > room:
        return product_page(found, copy, max(1, min(room, 99)), cut_text(room), 422)
    if wanted > room:
        notify("warn", cut_text(room))
        wanted = room
    else:
        _say_added(found, cantidad, held.count + cantidad)
    _say_price(found)
    held.put(found.id, wanted, found.precio or 0)
    return redirect(url_for("carrito.ver"), 303)


def _say_price(found: Producto) -> None:
    """Tells a price that is no longer the one that stood beside the button."""
    shown = read_id(request.form.get("precio", ""))
    if shown and found.precio is not None and shown != found.precio:
        text = _("%(nombre)s: el precio cambió de %(a)s a %(b)s.")
        notify("warn", text % {"nombre": found.nombre, "a": money(shown), "b": money(found.precio)})


def _say_added(found: Producto, cantidad: int, count: int) -> None:
    name = found.nombre if cantidad == 1 else f"{found.nombre} × {cantidad}"
    text = ngettext(
        "Agregado: %(nombre)s. Tu carrito tiene %(num)s artículo.",
        "Agregado: %(nombre)s. Tu carrito tiene %(num)s artículos.",
        count,
        nombre=name,
    )
    back = own_address(request.form.get("volver", ""), url_for("catalogo.productos"))
    links = [(_("Ver carrito"), url_for("carrito.ver")), (_("Seguir comprando"), back)]
    notify("ok", text, links)


def cut_text(room: int) -> str:
    return ngettext(
        "Solo queda %(num)s. Ajustamos la cantidad a %(num)s.",
        "Solo quedan %(num)s. Ajustamos la cantidad a %(num)s.",
        room,
    )


def _step() -> int:
    return {"1": 1, "-1": -1}.get(request.form.get("paso", ""), 0)


@area.post("/carrito/lineas/<int:producto_id>")
def cambiar(producto_id: int) -> ResponseReturnValue:
    held = cart()
    if producto_id not in held.lines:
        return redirect(url_for("carrito.ver"), 303)
    typed = request.form.get("cantidad", "")
    cantidad = read_quantity(typed)
    if cantidad is None:
        message = _("Escribe una cantidad con números, por ejemplo 2")
        return _cart_page(422, {producto_id: (typed[:10], message)})
    line = next(one for one in contents(held, visitor().token).lines if one.id == producto_id)
    wanted = max(0, cantidad + _step())
    if wanted == 0:
        return _take_out(held, line)
    stock = line.producto.stock if line.producto else None
    cut = stock is not None and 0 < stock < wanted
    if cut and stock:
        wanted = stock
        notify("warn", cut_text(stock))
    held.put(producto_id, wanted, line.precio or line.seen)
    if not cut:
        total = contents(held, visitor().token).total
        notify("quiet", _("Cantidad %(n)s. Total %(total)s.", n=wanted, total=money(total)))
    return redirect(url_for("carrito.ver"), 303)


def _take_out(held: Cart, line: Line) -> ResponseReturnValue:
    held.put(line.id, 0, 0)
    notify("info", _("Quitaste %(nombre)s.", nombre=line.nombre), undo=[line.id, line.cantidad])
    return redirect(url_for("carrito.ver"), 303)


@area.post("/carrito/deshacer")
def deshacer() -> ResponseReturnValue:
    """Puts a line back as it was."""
    producto_id = read_id(request.form.get("producto", ""))
    cantidad = read_quantity(request.form.get("cantidad", "")) or 1
    found, _copy = find_product(producto_id)
    held = cart()
    if not (held.is_full and producto_id not in held.lines):
        held.put(producto_id, cantidad, found.precio or 0)
        notify("ok", _("%(nombre)s está otra vez en tu carrito.", nombre=found.nombre))
    return redirect(url_for("carrito.ver"), 303)
