"""A shopper's own orders: list, tracking, receipt, cancelling and buying again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel.dates import format_date
from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from storefront.carrito import cut_text
from storefront.cart import cart
from storefront.catalogo import product_url
from storefront.forms import Form
from storefront.i18n import _, language, moment
from storefront.money import locale_for
from storefront.notices import notify
from storefront.pages import currency, money, render, unavailable
from storefront.service import RefusedError, ServiceError
from storefront.session import kept_form, members_only, visitor
from storefront.shop import shop
from storefront.wire import ESTADOS, Pedido, Producto

area = Blueprint("pedidos", __name__)

PAGE_SIZE = 20
LARGEST_ID = 2**53
LONGEST_REASON = 200
STEPS = ("pendiente", "enviado", "entregado")


@dataclass(frozen=True)
class Order:
    """An order as a page shows it: the name from the order itself, else from the catalogue."""

    pedido: Pedido
    nombre: str
    href: str
    precio: int | None
    total: int | None
    exact: bool  # whether the price is the order's own and not the catalogue's of today


def present(pedidos: tuple[Pedido, ...], token: str) -> list[Order]:
    try:
        wanted = sorted({one.producto_id for one in pedidos if one.producto_id})
        products, _copy = shop().shelf.several(wanted, token)
    except ServiceError:
        products = {}
    return [_order(one, products.get(one.producto_id or 0)) for one in pedidos]


def _order(pedido: Pedido, producto: Producto | None) -> Order:
    sold = producto is not None and producto.activo
    precio = pedido.precio_unitario
    total = pedido.total
    if total is None and precio is not None and pedido.cantidad is not None:
        total = precio * pedido.cantidad
    nombre = pedido.nombre or (producto.nombre if producto else "")
    return Order(
        pedido,
        nombre or _("Producto %(n)s", n=pedido.producto_id or "?"),
        product_url(producto) if producto is not None and sold else "",
        precio,
        total,
        precio is not None,
    )


def short_date(when: datetime | None) -> str:
    locale = locale_for(currency(), language())
    return format_date(when.astimezone(), "medium", locale=locale) if when else ""


@area.get("/pedidos")
@members_only
def lista() -> ResponseReturnValue:
    estado = request.args.get("estado", "")
    estado = estado if estado in ESTADOS else ""
    text = request.args.get("pagina", "1")
    number = int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 7 else 1
    try:
        shown, total, counts = _page_of_orders(estado, max(1, number))
    except RefusedError as refusal:
        if refusal.status == 401:
            raise
        return unavailable(_("tus pedidos"))
    pages = max(1, -(-total // PAGE_SIZE))
    if number > pages:
        return redirect(_list_url(estado, pages), 302)
    return render(
        "pedidos/lista.html",
        "pedidos",
        orders=present(shown, visitor().token),
        total=total,
        estado=estado,
        tab_items=_tabs(estado, counts),
        **_columns(shown),
        page=max(1, number),
        pages=pages,
        page_url=lambda page: _list_url(estado, page),
        short_date=short_date,
    )


def _page_of_orders(estado: str, number: int) -> tuple[tuple[Pedido, ...], int, dict[str, int] | None]:
    """Newest first. A service that pages says the total; another answers everything, and is counted here."""
    service = shop().services.pedidos
    who = visitor()
    params = {"limite": str(PAGE_SIZE), "pagina": str(number), "orden": "recientes"} | (
        {"estado": estado} if estado else {}
    )
    page = service.de_usuario(who.token, who.usuario_id, params)
    if page.total is not None:
        counts = None if page.counts is None else {**page.counts, "": sum(page.counts.values())}
        return page.pedidos, page.total, counts
    every = sorted(page.pedidos, key=lambda one: -one.id)
    counts = {name: sum(one.estado == name for one in every) for name in ESTADOS} | {"": len(every)}
    matching = [one for one in every if not estado or one.estado == estado]
    first = (number - 1) * PAGE_SIZE
    return tuple(matching[first : first + PAGE_SIZE]), len(matching), counts


def _columns(shown: tuple[Pedido, ...]) -> dict[str, Any]:
    """The columns of the list: dates and totals only where the orders tell them."""
    has_dates = any(one.creado_en for one in shown)
    has_totals = any(one.precio_unitario is not None or one.total is not None for one in shown)
    columns = [
        (_("Pedido"), ""),
        *([(_("Fecha"), "")] if has_dates else []),
        (_("Producto"), ""),
        *([(_("Total"), "number")] if has_totals else []),
        (_("Estado"), ""),
    ]
    return {"has_dates": has_dates, "has_totals": has_totals, "columns": columns}


def _list_url(estado: str, page: int) -> str:
    values: dict[str, Any] = {"estado": estado or None, "pagina": page if page > 1 else None}
    return url_for("pedidos.lista", **{name: value for name, value in values.items() if value})


def _tabs(chosen: str, counts: dict[str, int] | None) -> list[dict[str, Any]]:
    names = {
        "": _("Todos"),
        "pendiente": _("Pendientes"),
        "enviado": _("Enviados"),
        "entregado": _("Entregados"),
        "cancelado": _("Cancelados"),
    }
    return [
        {
            "href": _list_url(estado, 1),
            "label": label,
            "current": estado == chosen,
            "count": counts.get(estado) if counts else None,
        }
        for estado, label in names.items()
    ]


def find_order(numero: int) -> Pedido:
    """An order of this person; anybody else's is as absent as none."""
    if numero > LARGEST_ID:
        abort(404)
    service, who = shop().services.pedidos, visitor()
    if service.has_detail:
        found = service.uno(numero, who.token)
        pedido = found[0] if found else None
    else:
        page = service.de_usuario(who.token, who.usuario_id)
        pedido = next((one for one in page.pedidos if one.id == numero), None)
    if pedido is None or pedido.usuario_id != who.usuario_id:
        abort(404)
    return pedido


@area.get("/pedidos/<int:numero>")
@members_only
def detalle(numero: int) -> ResponseReturnValue:
    pedido = find_order(numero)
    now = datetime.now().astimezone()
    order = present((pedido,), visitor().token)[0]
    return render(
        "pedidos/detalle.html",
        "pedidos",
        order=order,
        rows=[_row(order)],
        total_text="—" if order.total is None else money(order.total, True),
        steps=timeline(pedido),
        updated=f"{now:%H:%M}",
        can_cancel=_can_cancel(pedido),
        buyer=visitor().claims,
    )


def _row(order: Order) -> dict[str, Any]:
    cantidad = order.pedido.cantidad
    return {
        "nombre": order.nombre,
        "href": order.href,
        "cantidad": "—" if cantidad is None else cantidad,
        "precio": "—" if order.precio is None else money(order.precio),
        "total": "—" if order.total is None else money(order.total),
        "note": "",
        "tone": "",
    }


def timeline(pedido: Pedido) -> list[dict[str, str]]:
    """The way of an order: each state with done, now or later, and when it was reached where that is
    known.
    """
    cancelled = pedido.estado == "cancelado"
    names: tuple[str, ...] = ("pendiente", "cancelado") if cancelled else STEPS
    if pedido.estado not in names:
        names = (pedido.estado,)
    reached = names.index(pedido.estado)
    steps = []
    for place, estado in enumerate(names):
        when = pedido.tiempos.get(estado) if place <= reached else None
        steps.append(
            {
                "estado": estado,
                "state": "done" if place < reached else "now" if place == reached else "later",
                "when": moment(when, currency()) if when else "",
                "iso": when.isoformat(timespec="seconds") if when else "",
            }
        )
    return steps


def _can_cancel(pedido: Pedido) -> bool:
    return pedido.estado == "pendiente" and shop().services.pedidos.changes_state


@area.get("/pedidos/<int:numero>/cancelar")
@members_only
def preguntar(numero: int) -> ResponseReturnValue:
    pedido = find_order(numero)
    if not _can_cancel(pedido):
        return _cannot_cancel(numero)
    return _cancel_page(pedido, Form(kept_form() or {}))


def _cancel_page(pedido: Pedido, form: Form) -> ResponseReturnValue:
    return render(
        "pedidos/cancelar.html",
        "pedidos",
        form.status,
        announcement=form.announcement,
        order=present((pedido,), visitor().token)[0],
        takes_reason=shop().services.pedidos.takes_reason,
        form=form,
    )


def _cannot_cancel(numero: int) -> ResponseReturnValue:
    notify("warn", _("Este pedido ya no se puede cancelar."))
    return redirect(url_for("pedidos.detalle", numero=numero), 303)


@area.post("/pedidos/<int:numero>/cancelar")
@members_only
def cancelar(numero: int) -> ResponseReturnValue:
    pedido = find_order(numero)
    service = shop().services.pedidos
    if not service.changes_state:
        return _cannot_cancel(numero)
    form = Form(request.form)
    motivo = form.text("motivo", LONGEST_REASON) if service.takes_reason else ""
    if not form.valid:
        return _cancel_page(pedido, form)
    try:
        service.cambiar_estado(pedido.id, visitor().token, "cancelado", motivo=motivo)
    except RefusedError as refusal:
        if refusal.status not in (409, 422):
            raise
        return _cannot_cancel(numero)
    shop().shelf.forget()
    notify("ok", _("Cancelamos el pedido %(n)s.", n=numero))
    return redirect(url_for("pedidos.detalle", numero=numero), 303)


@area.post("/pedidos/<int:numero>/repetir")
@members_only
def repetir(numero: int) -> ResponseReturnValue:
    """Puts what can still be bought of an order into the cart, and says what cannot."""
    pedido = find_order(numero)
    found = shop().shelf.one(pedido.producto_id, visitor().token).value if pedido.producto_id else None
    held = cart()
    if found is None or not found.sellable or (held.is_full and found.id not in held.lines):
        nombre = pedido.nombre or (found.nombre if found else _("Producto %(n)s", n=pedido.producto_id))
        notify("warn", _("%(nombre)s no se puede comprar ahora.", nombre=nombre))
        return redirect(url_for("pedidos.detalle", numero=numero), 303)
    wanted = held.quantity(found.id) + max(1, pedido.cantidad or 1)
    notify("ok", _("%(nombre)s está en tu carrito.", nombre=found.nombre))
    if found.stock is not None and wanted > found.stock:
        wanted = found.stock
        notify("warn", cut_text(wanted))
    held.put(found.id, wanted, found.precio or 0)
    return redirect(url_for("carrito.ver"), 303)
