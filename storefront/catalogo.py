"""The catalogue: home, list, search, product and its pictures."""

import re
import threading
from functools import lru_cache
from typing import Any

import brotli
import msgspec
from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from storefront.asked import Asked, active_filters, default_order, order_names, read_query
from storefront.cart import cart
from storefront.copies import RENEW_SECONDS, Copy
from storefront.front import keep_until
from storefront.i18n import _, language, ngettext
from storefront.money import plain_units
from storefront.notices import has_notices, notify
from storefront.pages import error_page, money, render, theme
from storefront.seen import see
from storefront.session import visitor
from storefront.shelf import Found, Query, fold
from storefront.shop import shop
from storefront.wire import Producto

area = Blueprint("catalogo", __name__)

PAGE_SIZE = 24
RELATED = 4
LARGEST_ID = 2**53
PRODUCT = re.compile(r"([1-9][0-9]{0,15})(?:-([^/]*))?")
PICTURE = re.compile(r"[A-Za-z0-9]{1,128}-[0-9]{1,4}\.(avif|webp|jpg)")
PICTURE_TYPES = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}
PREFETCH = "/prefetch.json"
FOR_EVER = "public, max-age=31536000, immutable"


def product_url(producto: Producto) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", fold(producto.nombre))[:60].strip("-")
    return url_for("catalogo.producto", ref=f"{producto.id}-{slug}" if slug else str(producto.id))


def price_text(producto: Producto) -> str:
    return _("Precio no disponible") if producto.precio is None else money(producto.precio)


def stale_text(copy: Copy[Any]) -> str:
    """How old the shown prices are, empty while they are as good as fresh."""
    minutes = copy.minutes_old
    if minutes is None:
        return ""
    if minutes == 0:
        return _("Precios y existencias de hace menos de un minuto; los confirmamos al pagar.")
    return ngettext(
        "Precios y existencias de hace %(num)s minuto; los confirmamos al pagar.",
        "Precios y existencias de hace %(num)s minutos; los confirmamos al pagar.",
        minutes,
    )


@area.get("/en")
def english() -> ResponseReturnValue:
    return redirect("/en/", 308)


@area.get("/")
def portada() -> ResponseReturnValue:
    return _listing(home=True)


@area.get("/productos")
def productos() -> ResponseReturnValue:
    return _listing(home=False)


def _listing(home: bool) -> ResponseReturnValue:
    asked = read_query("catalogo.portada" if home else "catalogo.productos")
    copy = shop().shelf.find(asked.query, PAGE_SIZE, visitor().token)
    found = copy.value
    pages = max(1, -(-found.total // PAGE_SIZE))
    if asked.query.pagina > pages and not found.more:
        return redirect(asked.url("catalogo.productos", pagina=pages), 302)
    if copy.minutes_old is None:
        keep_until(copy.taken_at + RENEW_SECONDS)
    if asked.refused or has_notices():
        for text in asked.refused:
            notify("warn", text)
        return _render_listing(asked, copy, pages, home)
    return _stored_page(asked, copy, pages, home)


def _stored_page(asked: Asked, copy: Copy[Found], pages: int, home: bool) -> Response:
    """The page from memory where an equal one was made for the same catalogue."""
    who = visitor()
    admin = who.claims is not None and who.claims.may_add_products
    key = (
        *(current_app, request.host, copy.value.version, home, request.query_string, language(), theme()),
        *(who.signed_in, admin, cart().count, copy.minutes_old),
    )
    page = _pages.get(key)
    if page is None:
        page = _render_listing(asked, copy, pages, home)
        body = page.get_data()
        kept = (body, brotli.compress(body, quality=5), dict(page.headers))
        _pages.put(key, kept)
        return page
    body, compressed, headers = page
    if request.accept_encodings["br"]:
        response = Response(compressed, headers=headers)
        response.content_encoding = "br"
        response.content_length = len(compressed)
        return response
    return Response(body, headers=headers)


def _render_listing(asked: Asked, copy: Copy[Found], pages: int, home: bool) -> Response:
    query, found = asked.query, copy.value
    who = visitor()
    popular: tuple[Producto, ...] = ()
    if not found.total and (query != Query(orden=query.orden)):
        popular = shop().shelf.find(Query(orden="recientes"), RELATED, who.token).value.productos
    page = render(
        "catalogo/lista.html",
        "catalogo",
        personal=False,
        term=query.q,
        canonical=""
        if home and asked.is_whole
        else asked.url("catalogo.productos", orden=default_order(query.q), pagina=query.pagina),
        announcement="" if home and asked.is_whole else results_text(query.q, found),
        home=home,
        asked=asked,
        found=found,
        category_pairs=[(name, name) for name in found.categorias],
        results=results_text(query.q, found),
        pages=pages,
        orders=order_names(query.q),
        filters=active_filters(asked),
        narrowed=query != Query(q=query.q, orden=query.orden, pagina=query.pagina),
        filtered=query != Query(orden=query.orden, pagina=query.pagina),
        popular=popular,
        stale=stale_text(copy),
        product_url=product_url,
        price_text=price_text,
        plain_units=plain_units,
        pager_url=lambda number: asked.url("catalogo.productos", pagina=number),
        can_create=who.claims is not None and who.claims.may_add_products,
    )
    page.headers["Speculation-Rules"] = f'"{PREFETCH}"'
    return page


class Pages:
    """The most recent rendered catalogue pages."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[Any, Any] = {}

    def get(self, key: Any) -> Any:
        return self._kept.get(key)

    def put(self, key: Any, page: Any) -> None:
        with self._lock:
            while len(self._kept) >= self._most:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = page


_pages = Pages(256)


def results_text(q: str, found: Found) -> str:
    total = f"{found.total}+" if found.more else str(found.total)
    if q:
        text = ngettext(
            "%(n)s resultado para «%(q)s»", "%(n)s resultados para «%(q)s»", found.total, n=total, q=q
        )
    else:
        text = ngettext("%(n)s producto", "%(n)s productos", found.total, n=total)
    return text


def find_product(producto_id: int) -> tuple[Producto, Copy[Any]]:
    """A product that is sold. Ends the request with 404 for none, 410 for a withdrawn one."""
    copy = shop().shelf.one(producto_id, visitor().token)
    if copy.value is None:
        abort(404)
    return copy.value, copy


@area.get("/productos/<ref>")
def producto(ref: str) -> ResponseReturnValue:
    parts = PRODUCT.fullmatch(ref)
    if parts is None or int(parts[1]) > LARGEST_ID:
        abort(404)
    found, copy = find_product(int(parts[1]))
    if not found.activo:
        return withdrawn(found)
    right = product_url(found)
    if request.script_root + request.path != right:
        query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
        return redirect(right + query, 308)
    see(found.id)
    text = request.args.get("cantidad", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    return product_page(found, copy, max(1, min(number, found.most)))


def product_page(
    found: Producto, copy: Copy[Any], cantidad: int | str, error: str = "", status: int = 200
) -> Response:
    """The page of a product, with the quantity to show in its form and what is wrong with it."""
    return render(
        "catalogo/producto.html",
        "catalogo",
        status,
        personal=status != 200,
        announcement=error,
        producto=found,
        cantidad=cantidad,
        error=error,
        stale=stale_text(copy),
        related=related(found),
        product_url=product_url,
        price_text=price_text,
        canonical=product_url(found),
        data=_structured(found),
    )


def withdrawn(found: Producto) -> Response:
    return error_page(
        410,
        _("Este producto ya no se vende"),
        found.nombre,
        related=related(found),
        product_url=product_url,
        price_text=price_text,
    )


def related(found: Producto) -> list[Producto]:
    """A few others, of the same category first."""
    everything = shop().shelf.catalogue(visitor().token).value.listing.productos
    others = [one for one in reversed(everything) if one.id != found.id and one.sellable]
    others.sort(key=lambda one: one.categoria != found.categoria)
    return others[:RELATED]


def _structured(found: Producto) -> dict[str, Any]:
    """schema.org's words for the product, for search engines."""
    offer: dict[str, Any] = {"@type": "Offer", "priceCurrency": current_app.config["MONEDA"]}
    if found.precio is not None:
        offer["price"] = plain_units(found.precio)
    if found.stock is not None:
        offer["availability"] = "https://schema.org/" + ("InStock" if found.stock > 0 else "OutOfStock")
    data: dict[str, Any] = {"@context": "https://schema.org", "@type": "Product", "name": found.nombre}
    if found.descripcion:
        data["description"] = found.descripcion[:500]
    return {**data, "sku": str(found.id), "offers": offer}


@area.get(PREFETCH)
def prefetch() -> ResponseReturnValue:
    """Speculation rules: a browser that knows them fetches a catalogue page when the pointer rests on its link."""
    where = {"href_matches": ["/productos*", "/productos/*", "/en/productos*", "/en/productos/*"]}
    rules = {"prefetch": [{"where": where, "eagerness": "moderate"}]}
    response = Response(msgspec.json.encode(rules), content_type="application/speculationrules+json")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@area.get("/imagenes/<name>")
def imagen(name: str) -> ResponseReturnValue:
    """A picture of the products service: its name is made of its content, so it never changes."""
    if not PICTURE.fullmatch(name):
        abort(404)
    kept = _picture(current_app._get_current_object(), name)  # type: ignore[attr-defined]
    response = Response(kept, content_type=PICTURE_TYPES[name.rsplit(".", 1)[1]])
    response.headers["Cache-Control"] = FOR_EVER
    response.set_etag(name)
    return response.make_conditional(request)


@lru_cache(maxsize=256)
def _picture(_application: Any, name: str) -> bytes:
    return shop().services.productos.imagen(name).body
