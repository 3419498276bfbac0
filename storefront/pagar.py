"""The checkout: account if needed, review, and the purchase with the outcome of each of its lines.

The contract has one product per order, so a cart becomes several orders of one purchase. A purchase is
written down before anything is sent, and each line is sent under a key of its own; its outcome is then
told as what it is: done, refused, not placed, or not known yet.
"""

import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature

from storefront import cookies
from storefront.carrito import Contents, contents, cut_text
from storefront.cart import Cart, cart
from storefront.i18n import _
from storefront.notices import notify
from storefront.pages import RETRY_SECONDS, money, render
from storefront.service import RefusedError, ServiceError, UnavailableError, page_deadline
from storefront.session import drop_session, members_only, sign_in_first, store, visitor
from storefront.shop import shop
from storefront.store import DONE, NOT_PLACED, REFUSED, SENDING, UNKNOWN, WAITING, PurchaseLine
from storefront.wire import Pedido

area = Blueprint("pagar", __name__)

OPEN = frozenset({WAITING, NOT_PLACED, UNKNOWN, SENDING})
POLL_SECONDS = 0.05


@area.get("/pagar")
def empezar() -> ResponseReturnValue:
    """The account step; skipped by who is signed in."""
    if not cart().lines:
        return _empty_cart()
    if visitor().signed_in:
        return redirect(url_for("pagar.revisar"), 303)
    return render("pagar/cuenta.html", "carrito", login=None, register=None, trouble="")


def _empty_cart() -> ResponseReturnValue:
    notify("info", _("Tu carrito está vacío. Agrega algo antes de pagar."))
    return redirect(url_for("carrito.ver"), 303)


@area.get("/pagar/revisar")
@members_only
def revisar() -> ResponseReturnValue:
    held = cart()
    if not held.lines:
        return _empty_cart()
    if store().purchase(held.compra_id, visitor().usuario_id) is not None:
        return redirect(url_for("pagar.compra", compra_id=held.compra_id), 303)
    return _review(contents(held, visitor().token))


def _is_open(lines: list[PurchaseLine] | None) -> bool:
    return lines is not None and any(line.outcome in OPEN for line in lines)


def _review(inside: Contents, changes: list[str] | None = None, status: int = 200) -> ResponseReturnValue:
    if not inside.bought:
        notify("warn", _("Nada de tu carrito se puede comprar ahora. Mira el motivo en cada línea."))
        return redirect(url_for("carrito.ver"), 303)
    return render(
        "pagar/revisar.html",
        "carrito",
        status,
        inside=inside,
        changes=changes or [],
        offer=_sign(inside) if inside.known else "",
        rows=[row(line.nombre, line.cantidad, line.precio or 0) for line in inside.bought],
        left_out=[line for line in inside.lines if not line.counts],
        stale=inside.stale,
    )


def row(nombre: str, cantidad: int, precio: int, href: str = "") -> dict[str, Any]:
    """A row of the table of a purchase, with its money written out."""
    return {
        "nombre": nombre,
        "href": href,
        "cantidad": cantidad,
        "precio": money(precio),
        "total": money(precio * cantidad),
        "note": "",
        "tone": "",
    }


def _sign(inside: Contents) -> str:
    """What the shopper sees, signed for this person: the purchase, its lines and their prices."""
    lines = [[line.id, line.cantidad, line.precio] for line in inside.bought]
    offer = json.dumps([cart().compra_id, visitor().usuario_id, lines], separators=(",", ":"))
    return cookies.signer("compra").sign(offer).decode()


@dataclass(frozen=True)
class Offer:
    """What a confirmed review page showed: (product, quantity, price in cents) of each line."""

    compra_id: str
    usuario_id: int
    lines: tuple[tuple[int, int, int], ...]


def _read_offer(text: str) -> Offer | None:
    try:
        compra_id, usuario_id, lines = json.loads(cookies.signer("compra").unsign(text))
    except (BadSignature, ValueError):
        return None
    return Offer(
        compra_id, usuario_id, tuple((number, cantidad, precio) for number, cantidad, precio in lines)
    )


@area.post("/pagar/confirmar")
def confirmar() -> ResponseReturnValue:
    """Places the purchase of the review page, once, however often the page is sent."""
    who = visitor()
    if not who.signed_in:
        return sign_in_first(url_for("pagar.revisar"))
    offer = _read_offer(request.form.get("oferta", ""))
    if offer is None or offer.usuario_id != who.usuario_id:
        notify("warn", _("Revisa otra vez tu pedido antes de confirmarlo."))
        return redirect(url_for("pagar.revisar"), 303)
    if store().purchase(offer.compra_id, who.usuario_id) is None:
        inside = contents(cart(), who.token)
        changes = _changes(offer, inside)
        if changes:
            return _review(inside, changes, 409)
        store().begin_purchase(offer.compra_id, who.usuario_id, _lines(inside))
    return _carry_out(offer.compra_id)


def _lines(inside: Contents) -> list[PurchaseLine]:
    return [PurchaseLine(one.id, one.nombre, one.cantidad, one.precio or 0) for one in inside.bought]


def _changes(offer: Offer, inside: Contents) -> list[str]:
    """What is no longer as the shopper confirmed it."""
    if offer.compra_id != cart().compra_id:
        return [_("Tu carrito es otro desde que abriste esta página.")]
    now = {line.id: line for line in inside.lines}
    changes = []
    for number, cantidad, precio in offer.lines:
        line = now.get(number)
        if line is None or line.problem == "gone":
            changes.append(_("%(nombre)s ya no se vende.", nombre=line.nombre if line else f"#{number}"))
        elif line.problem == "sold_out":
            changes.append(_("%(nombre)s se agotó.", nombre=line.nombre))
        elif line.problem == "too_many" and line.producto and line.producto.stock:
            changes.append(f"{line.nombre}: {cut_text(line.producto.stock)}")
            cart().put(number, line.producto.stock, line.precio or 0)
        elif line.cantidad != cantidad:
            changes.append(
                _(
                    "%(nombre)s: la cantidad pasó de %(a)s a %(b)s.",
                    nombre=line.nombre,
                    a=cantidad,
                    b=line.cantidad,
                )
            )
        elif line.precio != precio:
            changes.append(
                _(
                    "%(nombre)s: el precio cambió de %(a)s a %(b)s.",
                    nombre=line.nombre,
                    a=money(precio),
                    b=money(line.precio or 0),
                )
            )
    offered = {number for number, _cantidad, _precio in offer.lines}
    changes += [
        _("%(nombre)s se agregó al pedido.", nombre=line.nombre)
        for line in inside.bought
        if line.id not in offered
    ]
    return changes


@area.post("/compras/<uuid:compra_id>/reintentar")
@members_only
def reintentar(compra_id: UUID) -> ResponseReturnValue:
    """Sends the lines that have no outcome again, under the same keys."""
    if store().purchase(str(compra_id), visitor().usuario_id) is None:
        abort(404)
    return _carry_out(str(compra_id))


@area.post("/compras/<uuid:compra_id>/soltar")
@members_only
def soltar(compra_id: UUID) -> ResponseReturnValue:
    """Lets a purchase of unknown outcome be: what is still in the cart may be bought as another one."""
    held = cart()
    if held.compra_id == str(compra_id):
        held.renew()
    return redirect(url_for("carrito.ver"), 303)


def _carry_out(compra_id: str) -> ResponseReturnValue:
    try:
        lines = _place(compra_id)
    except RefusedError:
        drop_session()
        return sign_in_first(url_for("pagar.revisar"))
    shop().shelf.forget()
    _clear(cart(), compra_id, lines)
    return redirect(url_for("pagar.compra", compra_id=compra_id), 303)


def _place(compra_id: str) -> list[PurchaseLine]:
    """Sends every line that may be sent, and waits for those that another request is sending.

    Raises RefusedError where the token is no longer taken.
    """
    who = visitor()
    repeats = shop().services.pedidos.repeats
    for line in store().purchase(compra_id, who.usuario_id) or []:
        if _time_left() and store().claim_line(compra_id, line.producto_id, also_unknown=repeats):
            _send(compra_id, line)
    while True:
        lines = store().purchase(compra_id, who.usuario_id) or []
        if not _time_left() or not any(line.outcome == SENDING for line in lines):
            return lines
        time.sleep(POLL_SECONDS)


def _time_left() -> bool:
    deadline = page_deadline.get()
    return deadline is None or deadline - time.monotonic() > 0.3


def _send(compra_id: str, line: PurchaseLine) -> None:
    """One line, one order. Whatever happens, its outcome is written down."""
    who = visitor()
    outcome, reason, number = UNKNOWN, "", None
    try:
        number = shop().services.pedidos.crear(
            who.token,
            who.usuario_id,
            line.producto_id,
            line.cantidad,
            key=f"{compra_id}/{line.producto_id}",
            compra_id=compra_id,
        )
        outcome = DONE
    except RefusedError as refusal:
        outcome, reason = _outcome_of(refusal, line)
        if refusal.status == 401:
            raise
    except UnavailableError as problem:
        # An earlier attempt of unknown outcome stays unknown when this one never left.
        known = not problem.sent and line.outcome in (WAITING, NOT_PLACED)
        outcome = NOT_PLACED if known else UNKNOWN
    finally:
        shop().metrics.line(outcome)
        store().settle_line(compra_id, line.producto_id, outcome, reason, number)


def _outcome_of(refusal: RefusedError, line: PurchaseLine) -> tuple[str, str]:
    """503 means by contract that this request stored nothing: what an earlier one did stays unknown. A 409 of
    a key still running means that we do not know yet.
    """
    if refusal.status in (503, 429, 401):
        return (UNKNOWN if line.outcome == UNKNOWN else NOT_PLACED), ""
    if refusal.codigo == "en_curso":
        return UNKNOWN, ""
    return REFUSED, refusal.codigo


def _clear(held: Cart, compra_id: str, lines: list[PurchaseLine]) -> None:
    """Lines done leave the cart; once nothing is open, what is left in it is another purchase."""
    if held.compra_id != compra_id:
        return
    for line in lines:
        if line.outcome == DONE:
            held.put(line.producto_id, 0, 0)
    if not _is_open(lines):
        held.renew()


def _none_placed(lines: list[PurchaseLine]) -> bool:
    return all(line.outcome in (NOT_PLACED, WAITING) for line in lines)


def _not_placed(compra_id: str) -> ResponseReturnValue:
    response = render("pagar/no_registrado.html", "carrito", 503, compra_id=compra_id)
    response.headers["Retry-After"] = RETRY_SECONDS
    return response


@area.get("/compras/<uuid:compra_id>")
@members_only
def compra(compra_id: UUID) -> ResponseReturnValue:
    """What became of a purchase: from the orders where they know it, and from what was written down here."""
    who = visitor()
    number = str(compra_id)
    lines = store().purchase(number, who.usuario_id)
    orders = _orders_of(number)
    if lines is None and not orders:
        abort(404)
    lines = _with_orders(number, lines or [], orders)
    _clear(cart(), number, lines)
    if _none_placed(lines):
        return _not_placed(number)
    done = [line for line in lines if line.outcome == DONE]
    return render(
        "pagar/compra.html",
        "pedidos",
        compra_id=number,
        lines=lines,
        done=done,
        done_rows=[row(line.nombre, line.cantidad, line.precio) for line in done],
        all_waiting=all(line.outcome in (NOT_PLACED, WAITING) for line in lines if line.outcome in OPEN),
        refused=[line for line in lines if line.outcome == REFUSED],
        pending=[line for line in lines if line.outcome in OPEN],
        total=sum(line.precio * line.cantidad for line in done),
        repeats=shop().services.pedidos.repeats,
        made_at=next((one.creado_en for one in orders if one.creado_en), None),
        in_cart=cart().compra_id == number,
        reason_text=reason_text,
    )


def _orders_of(compra_id: str) -> tuple[Pedido, ...]:
    pedidos = shop().services.pedidos
    if not pedidos.groups:
        return ()
    try:
        page = pedidos.de_usuario(visitor().token, visitor().usuario_id, {"compra_id": compra_id})
    except ServiceError:
        return ()
    return tuple(one for one in page.pedidos if one.compra_id == compra_id)


def _with_orders(compra_id: str, lines: list[PurchaseLine], orders: tuple[Pedido, ...]) -> list[PurchaseLine]:
    """The lines with what the orders say: an order that exists is done, at the price it was made for."""
    known = {line.producto_id: line for line in lines}
    for order in orders:
        if order.producto_id is None:
            continue
        line = known.get(order.producto_id)
        if line is not None and line.outcome in (UNKNOWN, NOT_PLACED):
            store().settle_line(compra_id, order.producto_id, DONE, pedido_id=order.id)
        known[order.producto_id] = PurchaseLine(
            order.producto_id,
            order.nombre or (line.nombre if line else _("Producto %(n)s", n=order.producto_id)),
            order.cantidad or 0,
            order.precio_unitario if order.precio_unitario is not None else (line.precio if line else 0),
            DONE,
            pedido_id=order.id,
        )
    return list(known.values())


def reason_text(line: PurchaseLine) -> str:
    reasons: dict[str, Any] = {
        "sin_stock": _("No alcanzan las existencias."),
        "producto_desconocido": _("Este producto ya no existe."),
        "producto_retirado": _("Este producto ya no se vende."),
        "cancelada": _("Esta línea se canceló antes de registrarse."),
    }
    return str(reasons.get(line.reason, _("La tienda no aceptó esta línea.")))
