"""What the address of a catalogue page asks for, and the address of what is asked for."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from flask import request, url_for

from storefront.i18n import _
from storefront.money import parse_price, plain_units
from storefront.pages import money
from storefront.shelf import Query

LONGEST_TERM = 100
LARGEST_PAGE = 1_000_000

# The names in our addresses, and what the products service calls them.
ORDERS = {
    "relevancia": "relevancia",
    "novedades": "recientes",
    "precio-asc": "precio",
    "precio-desc": "-precio",
    "nombre": "nombre",
}


@dataclass(frozen=True)
class Asked:
    """A query of the address, what in it could not be used, and the page that it was asked of."""

    query: Query
    order: str
    refused: tuple[str, ...] = ()
    endpoint: str = "catalogo.productos"

    @property
    def is_whole(self) -> bool:
        """Whether everything is shown, as the page does by itself."""
        return self.query == Query(orden=ORDERS[default_order("")])

    def url(self, endpoint: str = "", **changes: Any) -> str:
        """The address of this query with `changes`; defaults are left out, and a change begins at page 1."""
        query = replace(self.query, **({"pagina": 1} | {k: v for k, v in changes.items() if k != "orden"}))
        order = changes.get("orden", self.order)
        values = {
            "q": query.q,
            "orden": "" if order == default_order(query.q) else order,
            "precio_min": "" if query.precio_min is None else plain_units(query.precio_min),
            "precio_max": "" if query.precio_max is None else plain_units(query.precio_max),
            "disponibles": "1" if query.disponibles else "",
            "categoria": query.categoria,
            "pagina": str(query.pagina) if query.pagina > 1 else "",
        }
        filled = {name: value for name, value in values.items() if value}
        return url_for(endpoint or self.endpoint) + (f"?{urlencode(filled)}" if filled else "")


def default_order(q: str) -> str:
    return "relevancia" if q else "novedades"


def read_query(endpoint: str) -> Asked:
    refused = []

    def price(name: str) -> int | None:
        text = request.args.get(name, "").strip()
        cents = parse_price(text) if text else None
        if text and cents is None:
            refused.append(_("No entendimos el precio «%(texto)s»; lo dejamos fuera.", texto=text[:20]))
        return cents

    q = " ".join(request.args.get("q", "").split())[:LONGEST_TERM]
    order = request.args.get("orden", "")
    if order and order not in ORDERS:
        refused.append(_("No conocemos el orden «%(texto)s»; usamos el de siempre.", texto=order[:20]))
    if order not in ORDERS or (order == "relevancia" and not q):
        order = default_order(q)
    pagina = request.args.get("pagina", "1")
    number = int(pagina) if pagina.isascii() and pagina.isdigit() and len(pagina) < 8 else 0
    if not number:
        refused.append(_("No entendimos la página «%(texto)s»; esta es la primera.", texto=pagina[:20]))
    query = Query(
        q=q,
        orden=ORDERS[order],
        precio_min=price("precio_min"),
        precio_max=price("precio_max"),
        disponibles=request.args.get("disponibles") == "1",
        categoria=request.args.get("categoria", "").strip()[:LONGEST_TERM],
        pagina=min(max(number, 1), LARGEST_PAGE),
    )
    return Asked(query, order, tuple(refused), endpoint)


def order_names(q: str) -> list[tuple[str, str]]:
    names = [
        ("relevancia", _("Relevancia")),
        ("novedades", _("Novedades")),
        ("precio-asc", _("Precio: menor a mayor")),
        ("precio-desc", _("Precio: mayor a menor")),
        ("nombre", _("Nombre A–Z")),
    ]
    return names if q else names[1:]


def active_filters(asked: Asked) -> list[tuple[str, str]]:
    """Each filter in force with the address that removes it."""
    query = asked.query
    active = []
    if query.q:
        order = "novedades" if asked.order == "relevancia" else asked.order
        active.append((f"«{query.q}»", asked.url(q="", orden=order)))
    if query.categoria:
        active.append((query.categoria, asked.url(categoria="")))
    if query.precio_min is not None:
        active.append((_("Desde %(precio)s", precio=money(query.precio_min)), asked.url(precio_min=None)))
    if query.precio_max is not None:
        active.append((_("Hasta %(precio)s", precio=money(query.precio_max)), asked.url(precio_max=None)))
    if query.disponibles:
        active.append((_("Solo disponibles"), asked.url(disponibles=False)))
    return active
