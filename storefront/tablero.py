"""The orders of the whole shop: a board by state and a list, with the legal moves only."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from storefront.admin import sections
from storefront.i18n import _, ngettext
from storefront.notices import notify, take_notices
from storefront.pages import render
from storefront.pedidos import Order, present, short_date, timeline
from storefront.security import own_address
from storefront.service import RefusedError, ServiceError, within
from storefront.services import Page
from storefront.session import admins_only, visitor
from storefront.shop import shop
from storefront.wire import ESTADOS, Pedido

area = Blueprint("tablero", __name__, url_prefix="/admin/pedidos")

COLUMN_SIZE = 20
PAGE_SIZE = 50
MANY = 1000
NAMES_SECONDS = 0.5
LARGEST_ID = 2**53

# What the person who ships may do next, and the step back from each state.
NEXT = {"pendiente": ("enviado", "cancelado"), "enviado": ("entregado",)}
BACK = {"enviado": "pendiente", "entregado": "enviado"}


def state_names() -> dict[str, str]:
    return {
        "pendiente": _("Pendiente"),
        "enviado": _("Enviado"),
        "entregado": _("Entregado"),
        "cancelado": _("Cancelado"),
    }


def moves(pedido: Pedido) -> list[tuple[str, str, str]]:
    """The (state, label, kind of button) of every legal step."""
    labels = {
        "enviado": _("Marcar como enviado"),
        "entregado": _("Marcar como entregado"),
        "cancelado": _("Cancelar"),
    }
    steps = [
        (one, labels[one], "quiet" if one == "cancelado" else "plain") for one in NEXT.get(pedido.estado, ())
    ]
    back = BACK.get(pedido.estado)
    if back:
        steps.append((back, _("Volver a %(estado)s", estado=state_names()[back].lower()), "quiet"))
    return steps


def age(pedido: Pedido) -> str:
    if pedido.creado_en is None:
        return ""
    minutes = max(0, int((datetime.now(UTC) - pedido.creado_en).total_seconds() // 60))
    if minutes == 0:
        return _("hace un momento")
    if minutes < 60:
        return ngettext("hace %(num)s minuto", "hace %(num)s minutos", minutes)
    if minutes < 48 * 60:
        return ngettext("hace %(num)s hora", "hace %(num)s horas", minutes // 60)
    return ngettext("hace %(num)s día", "hace %(num)s días", minutes // 1440)


def _told() -> dict[str, Any]:
    """What was just done to an order: told within the part that htmx takes, with the order to stand on."""
    moved = [one for one in take_notices() if "focus" in one]
    return {"moved": moved, "focus": next((one["focus"] for one in moved), 0)}


def _guard() -> None:
    pedidos = shop().services.pedidos
    if not pedidos.service.require(pedidos.lists_all):
        abort(404)


@area.get("")
@admins_only
def ver() -> ResponseReturnValue:
    _guard()
    return _overview(request.args)


def _overview(args: Mapping[str, str], path: str = "") -> Response:
    estado = args.get("estado", "")
    estado = estado if estado in ESTADOS else ""
    if args.get("vista") == "lista":
        return _list(estado, args, path)
    return _board(estado, path)


def _ask(**params: str) -> Page:
    return shop().services.pedidos.todos(
        visitor().token, {name: text for name, text in params.items() if text}
    )


def _board(chosen: str, path: str) -> Response:
    pages = {estado: _ask(estado=estado, limite=str(COLUMN_SIZE)) for estado in ESTADOS}
    counts = pages["pendiente"].counts or {estado: len(page.pedidos) for estado, page in pages.items()}
    columns = [
        {
            "estado": estado,
            "name": state_names()[estado],
            "count": counts.get(estado, 0),
            "orders": _present(page),
            "href": url_for("tablero.ver", vista="lista", estado=estado),
        }
        for estado, page in pages.items()
    ]
    shown = chosen or "pendiente"
    return render(
        "admin/tablero.html",
        "admin",
        path=path,
        columns=columns,
        shown=shown,
        tab_items=_tabs(shown, counts, "tablero"),
        moves=moves,
        age=age,
        customer=_customers(one for page in pages.values() for one in page.pedidos),
        count_text=count_text,
        updated=f"{datetime.now().astimezone():%H:%M}",
        sections=sections("pedidos"),
        **_told(),
    )


def _list(estado: str, args: Mapping[str, str], path: str) -> Response:
    text = args.get("pagina", "1")
    number = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1
    q = " ".join(args.get("q", "").split())[:100]
    page = _ask(estado=estado, q=q, pagina=str(number), limite=str(PAGE_SIZE))
    total = page.total if page.total is not None else len(page.pedidos)

    def page_url(other: int) -> str:
        values: dict[str, Any] = {"estado": estado, "q": q, "pagina": str(other) if other > 1 else ""}
        return url_for(
            "tablero.ver", vista="lista", **{name: value for name, value in values.items() if value}
        )

    return render(
        "admin/pedidos.html",
        "admin",
        path=path,
        orders=_present(page),
        total=total,
        estado=estado,
        q=q,
        page=number,
        pages=max(number, -(-total // PAGE_SIZE)),
        page_url=page_url,
        tab_items=_tabs(estado, dict(page.counts or {}), "lista"),
        moves=moves,
        customer=_customers(page.pedidos),
        short_date=short_date,
        sections=sections("pedidos"),
        **_told(),
    )


def _present(page: Page) -> list[Order]:
    return present(page.pedidos, visitor().token)


def _customers(pedidos: Iterable[Pedido]) -> Callable[[Pedido], str]:
    """Gives each order its customer: the name, or the number where nobody tells the name in time."""
    numbers = [one.usuario_id for one in pedidos if one.usuario_id is not None]
    try:
        with within(NAMES_SECONDS):
            names = shop().services.usuarios.nombres(visitor().token, numbers)
    except ServiceError:
        names = {}

    def customer(pedido: Pedido) -> str:
        number = pedido.usuario_id
        return "—" if number is None else names.get(number) or _("Cliente %(n)s", n=number)

    return customer


def count_text(count: int) -> str:
    return f"{MANY}+" if count >= MANY else str(count)


def _tabs(chosen: str, counts: Any, view: str) -> list[dict[str, Any]]:
    names = ({} if view == "tablero" else {"": _("Todos")}) | state_names()
    vista: dict[str, Any] = {} if view == "tablero" else {"vista": "lista"}
    return [
        {
            "href": url_for("tablero.ver", **(vista | ({"estado": estado} if estado else {}))),
            "label": label,
            "current": estado == chosen,
            "count": count_text(counts[estado]) if estado in counts else None,
        }
        for estado, label in names.items()
    ]


@area.get("/<int:numero>")
@admins_only
def detalle(numero: int) -> ResponseReturnValue:
    return _detail(_find(numero))


def _detail(pedido: Pedido, path: str = "") -> Response:
    return render(
        "admin/pedido.html",
        "admin",
        path=path,
        order=present((pedido,), visitor().token)[0],
        steps=timeline(pedido),
        customer=_customers([pedido])(pedido),
        moves=moves,
        sections=sections("pedidos"),
        **_told(),
    )


def _find(numero: int) -> Pedido:
    _guard()
    found = shop().services.pedidos.uno(numero, visitor().token) if numero <= LARGEST_ID else None
    if found is None:
        abort(404)
    return found[0]


@area.post("/<int:numero>/estado")
@admins_only
def mover(numero: int) -> ResponseReturnValue:
    """Moves an order, if nobody else did since the page was made; else the same page says what it is now."""
    _guard()
    wanted = request.form.get("estado", "")
    if wanted not in ESTADOS:
        abort(400)
    text = request.form.get("version", "")
    version = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
    back = own_address(request.form.get("volver", ""), url_for("tablero.ver"))
    before = _find(numero)
    names = state_names()
    try:
        shop().services.pedidos.cambiar_estado(numero, visitor().token, wanted, version)
    except RefusedError as refusal:
        if refusal.status not in (409, 412, 422):
            raise
        return _not_moved(numero, refusal.status == 412, wanted, back)
    shop().shelf.forget()
    undo: dict[str, Any] = {"undo": [numero, before.estado]} if _can_undo(before.estado, wanted) else {}
    notify("ok", _("Pedido %(n)s: %(estado)s", n=numero, estado=names[wanted]), focus=numero, **undo)
    return redirect(back, 303)


def _not_moved(numero: int, changed_meanwhile: bool, wanted: str, back: str) -> Response:
    """The page at `back` as it is now: 409 where somebody else was faster, 422 where the move is not allowed."""
    pedido = _find(numero)
    now = state_names().get(pedido.estado, pedido.estado)
    if changed_meanwhile or pedido.estado == wanted:
        status = 409
        notify("warn", _("Otra persona ya cambió este pedido a %(estado)s.", estado=now), focus=numero)
    else:
        status = 422
        text = _("El pedido %(n)s está en %(estado)s y no admite ese cambio.", n=numero, estado=now)
        notify("bad", text, focus=numero)
    address = urlsplit(back)
    if address.path == url_for("tablero.detalle", numero=numero):
        page = _detail(pedido, back)
    else:
        page = _overview(dict(parse_qsl(address.query)), back)
    page.status_code = status
    return page


def _can_undo(before: str, wanted: str) -> bool:
    return before in NEXT.get(wanted, ()) or BACK.get(wanted) == before
