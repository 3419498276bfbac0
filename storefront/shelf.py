"""The catalogue as the shop shows it: never more than a second old, or the last good copy with its age.

A shop of a few hundred products is kept whole and searched here, which is all that the oldest services
allow. A larger one tells so (`X-Total-Count` above what it answered) and is asked page by page.
"""

import hashlib
import time
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeVar

from storefront.copies import Copies, Copy
from storefront.reader import Reader
from storefront.service import RefusedError, ServiceError, UnavailableError
from storefront.services import PAGE_LIMIT, Listing, Productos
from storefront.wire import Producto

WHOLE = (("limite", str(PAGE_LIMIT)),)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Query:
    """What a shopper asked of the catalogue; prices in cents, `pagina` from 1."""

    q: str = ""
    orden: str = ""
    precio_min: int | None = None
    precio_max: int | None = None
    disponibles: bool = False
    categoria: str = ""
    pagina: int = 1
    stock_max: int | None = None  # known only to a shop that is kept whole


@dataclass(frozen=True)
class Found:
    """One page of products out of `total` (`more`: at least so many), and what the whole shop is like."""

    productos: tuple[Producto, ...]
    total: int
    more: bool
    counts_stock: bool
    whole: bool
    categorias: tuple[str, ...]
    version: str


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Everything of one listing, ready to search. `whole` is False when the shop is larger than the
    listing.
    """

    listing: Listing
    version: str
    by_id: Mapping[int, Producto] = field(default_factory=dict)
    words: Mapping[int, str] = field(default_factory=dict)
    categorias: tuple[str, ...] = ()
    counts_stock: bool = False

    @property
    def whole(self) -> bool:
        return self.listing.total is None or self.listing.total <= len(self.listing.productos)


def fold(text: str) -> str:
    """Text without case and accents, as it is compared in a search."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _catalogue(listing: Listing) -> Catalogue:
    shown = tuple(one for one in listing.productos if one.activo)
    listing = replace(listing, productos=shown, total=listing.total)
    return Catalogue(
        listing,
        hashlib.blake2b(listing.body, digest_size=9).hexdigest(),
        {one.id: one for one in shown},
        {one.id: fold(f"{one.nombre}\n{one.descripcion}\n{one.categoria}") for one in shown},
        tuple(sorted({one.categoria for one in shown if one.categoria}, key=fold)),
        any(one.counts_stock for one in shown),
    )


class Shelf:
    """Gives the areas of the shop their products. Raises ServiceError where there is no copy to show."""

    def __init__(self, productos: Productos, reader: Reader) -> None:
        self._productos = productos
        self._reader = reader
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="shelf")
        self._listings: Copies[Catalogue] = Copies(self._pool)
        self._singles: Copies[Producto | None] = Copies(self._pool)
        self._categories: Copies[tuple[str, ...]] = Copies(self._pool)

    def close(self) -> None:
        self._pool.shutdown()

    @property
    def writes(self) -> int:
        """How often this shop wrote to the catalogue: what was made for another number is no longer true."""
        return self._listings.writes

    def catalogue(self, token: str = "") -> Copy[Catalogue]:
        """The first products of the shop, in most shops all. `token` serves where no reader token can be
        had.
        """
        return self._listing(WHOLE, token)

    def find(self, query: Query, size: int, token: str = "") -> Copy[Found]:
        """The page of `query` with `size` products."""
        copy = self.catalogue(token)
        catalogue = copy.value
        if catalogue.whole:
            matching = search(catalogue, replace(query, pagina=1))
            first = (query.pagina - 1) * size
            total, more, version = len(matching), False, catalogue.version
            shown = matching[first : first + size]
        else:
            copy = self._listing(_parameters(query, size), token)
            answered = copy.value.listing
            shown, version = answered.productos, copy.value.version
            total, more = answered.total or len(shown), answered.more_than_total
        found = Found(
            shown,
            total,
            more,
            catalogue.counts_stock,
            catalogue.whole,
            self._categories_of(catalogue, token),
            version,
        )
        return Copy(found, copy.taken_at)

    def one(self, producto_id: int, token: str = "") -> Copy[Producto | None]:
        """A product, with `activo` False once withdrawn; None when there is no such product."""
        copy = self.catalogue(token)
        known = copy.value.by_id.get(producto_id)
        if known is not None and copy.value.whole:
            return Copy(known, copy.taken_at)

        def fetch(_old: Producto | None) -> Producto | None:
            found = self._productos.uno(producto_id, self._token(token))
            return found[0] if found else None

        try:
            return self._singles.get(producto_id, fetch)
        except ServiceError:
            if known is None and not copy.value.whole:
                raise
            return Copy(known, copy.taken_at)

    def several(self, numbers: list[int], token: str = "") -> tuple[dict[int, Producto | None], Copy[None]]:
        """Products by id, and how old the oldest of these copies is."""
        copies = {number: self.one(number, token) for number in numbers}
        taken = min((copy.taken_at for copy in copies.values()), default=time.monotonic())
        return {number: copy.value for number, copy in copies.items()}, Copy(None, taken)

    def forget(self) -> None:
        """After a write through this shop: the next page asks again."""
        for copies in (self._listings, self._singles, self._categories):
            copies.forget()

    def _listing(self, params: tuple[tuple[str, str], ...], token: str) -> Copy[Catalogue]:
        def fetch(old: Catalogue | None) -> Catalogue:
            etag = old.listing.etag if old else ""
            listing = self._as_reader(
                token, lambda bearer: self._productos.listar(bearer, dict(params), etag)
            )
            if old is not None and (listing is None or listing.body == old.listing.body):
                return old
            if listing is None:
                raise UnavailableError("productos", "answered 304 to a first question", sent=True)
            return _catalogue(listing)

        return self._listings.get(params, fetch)

    def _categories_of(self, catalogue: Catalogue, token: str) -> tuple[str, ...]:
        if catalogue.whole:
            return catalogue.categorias
        try:
            copy = self._categories.get("all", lambda _old: self._productos.categorias(self._token(token)))
        except ServiceError:
            return ()
        return copy.value

    def _as_reader(self, token: str, call: Callable[[str], Value]) -> Value:
        """Calls with the reader's token, with a new one when the service no longer takes it."""
        bearer = self._token(token)
        try:
            return call(bearer)
        except RefusedError as refusal:
            if refusal.status != 401 or bearer == token:
                raise
            self._reader.forget(bearer)
            return call(self._token(token))

    def _token(self, token: str) -> str:
        try:
            return self._reader.token()
        except ServiceError:
            if not token:
                raise
            return token


@lru_cache(maxsize=64)
def search(catalogue: Catalogue, query: Query) -> tuple[Producto, ...]:
    """The products of a whole catalogue that match, in the order asked; ties by id."""
    terms = fold(query.q).split()
    matching = [
        one
        for one in catalogue.listing.productos
        if all(term in catalogue.words[one.id] for term in terms) and _fits(one, query)
    ]
    matching.sort(key=lambda one: one.id)
    if query.orden == "precio":
        matching.sort(key=lambda one: (one.precio is None, one.precio or 0))
    elif query.orden == "-precio":
        matching.sort(key=lambda one: -(one.precio or 0))
    elif query.orden == "nombre":
        matching.sort(key=lambda one: fold(one.nombre))
    elif query.orden == "relevancia" and terms:
        matching.sort(key=lambda one: not all(term in fold(one.nombre) for term in terms))
    else:
        matching.reverse()
    return tuple(matching)


def _fits(producto: Producto, query: Query) -> bool:
    precio = producto.precio
    if query.precio_min is not None and (precio is None or precio < query.precio_min):
        return False
    if query.precio_max is not None and (precio is None or precio > query.precio_max):
        return False
    if query.stock_max is not None and (producto.stock is None or producto.stock > query.stock_max):
        return False
    if query.categoria and producto.categoria != query.categoria:
        return False
    return not query.disponibles or producto.sellable


def _parameters(query: Query, size: int) -> tuple[tuple[str, str], ...]:
    """The query as the products service takes it, prices in units."""
    wanted = {
        "q": query.q,
        "orden": query.orden or "recientes",
        "precio_min": "" if query.precio_min is None else f"{query.precio_min / 100:.2f}",
        "precio_max": "" if query.precio_max is None else f"{query.precio_max / 100:.2f}",
        "disponibles": "true" if query.disponibles else "",
        "categoria": query.categoria,
        "limite": str(size),
        "pagina": str(query.pagina),
    }
    return tuple((name, value) for name, value in wanted.items() if value)
