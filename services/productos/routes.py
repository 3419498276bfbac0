"""HTTP in, one call, HTTP out."""

import re
import uuid
from urllib.parse import urlencode

import msgspec
from flask import Response, request
from msgspec import UNSET, UnsetType

from services.common.api import Api, Message
from services.common.errors import ApiError, json_response, unavailable
from services.common.front import Answer, answered, json_answer
from services.common.tokens import Caller, ServiceCaller
from services.productos.catalogo import Catalogo, Versions, etag
from services.productos.imagenes import Imagenes
from services.productos.listing import Listing, Listings
from services.productos.model import (
    CANCELADA,
    TOMADA,
    Producto,
    Reserva,
    Search,
    amount,
    fold,
    manages,
    search_words,
)
from services.productos.picture_process import BusyError, derive_in_turn
from services.productos.pictures import LARGEST_BYTES, MEDIA_TYPES, WIDTHS, Picture, PictureError
from services.productos.reservas import Reservas
from services.productos.schema import (
    Busqueda,
    Cambios,
    CategoriaPublicada,
    NuevaReserva,
    NuevoProducto,
    ProductoPublicado,
    ReservaCancelada,
    ReservaLeida,
    ReservaTomada,
    TextoDeImagen,
    published,
)

LARGEST_PAGE = 500
SERVED_TYPES = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}
HASH = re.compile("[0-9a-f]{32}")
KEY = re.compile(r"[\x21-\x7e]{1,200}")


def declare(api: Api, catalogo: Catalogo, listings: Listings, imagenes: Imagenes, reservas: Reservas) -> None:
    """The endpoints of contract.md sections 2 and 4 for productos."""
    _declare_products(api, catalogo)
    _declare_lists(api, listings)
    _declare_pictures(api, catalogo, imagenes)
    _declare_reservations(api, reservas)


def _declare_products(api: Api, catalogo: Catalogo) -> None:
    @api.endpoint("POST", "/productos", {201: Message}, errors=(403, 422), headers=("Idempotency-Key",))
    def add(caller: Caller, body: NuevoProducto) -> Response:
        """Add a product.

        Repeated with the same Idempotency-Key and body it answers as it did, and adds nothing.
        """
        producto_id, replayed = catalogo.add(caller, body, _key())
        headers = {"Location": f"/productos/{producto_id}"}
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return json_response(Message("Producto agregado correctamente"), 201, headers)

    @api.endpoint("GET", "/productos/<id:producto_id>", {200: ProductoPublicado})
    def find(caller: Caller, producto_id: int) -> Response:  # noqa: ARG001 - any signed-in person
        """A product, withdrawn ones included.

        ETag is its version for If-Match; it counts edits, not sales.
        """
        return _product(catalogo.find(producto_id))

    def found_at_once(_caller: Caller, producto_id: int | None) -> Answer | None:
        producto = None if producto_id is None else catalogo.glance(producto_id)
        return _answer(producto) if producto else None

    api.answer_at_once("/productos/<id:producto_id>", found_at_once)

    @api.endpoint(
        "PATCH",
        "/productos/<id:producto_id>",
        {200: ProductoPublicado},
        errors=(403, 412, 428),
        headers=("If-Match",),
    )
    def edit(caller: Caller, producto_id: int, body: Cambios) -> Response:
        """Change a product; administrators, with the version they saw in If-Match.

        A changed stock is written in the ledger. Send only what changes: a stock sent back unread undoes sales.
        """
        return _product(catalogo.edit(caller, producto_id, body, _versions()))

    @api.endpoint(
        "DELETE",
        "/productos/<id:producto_id>",
        {200: ProductoPublicado},
        errors=(403, 412, 428),
        headers=("If-Match",),
    )
    def withdraw(caller: Caller, producto_id: int) -> Response:
        """Withdraw a product: it is no longer listed nor sold, and stays readable; administrators."""
        return _product(catalogo.withdraw(caller, producto_id, _versions()))


def _declare_lists(api: Api, listings: Listings) -> None:
    @api.endpoint(
        "GET",
        "/productos",
        {200: list[ProductoPublicado], 304: None},
        errors=(403,),
        headers=("If-None-Match",),
    )
    def products(caller: Caller, query: Busqueda) -> Response:
        """The whole catalogue by id, or a page of what is asked for; withdrawn products are left out.

        q finds words by their beginnings, without accents or case; a page has 500 products unless limite says less.
        X-Total-Count is exact up to 1000, then 1000+; Link leads to the other pages.
        """
        if query == Busqueda():
            return answered(listings.whole().answer)
        asked = _search(caller, query)
        listing = listings.page(asked)
        response = answered(listing.answer)
        pages = _links(query, asked, listing)
        if pages:
            response.headers["Link"] = pages
        return response

    api.answer_at_once("/productos", lambda _caller, _id: listings.whole().answer)

    @api.endpoint(
        "GET", "/categorias", {200: list[CategoriaPublicada], 304: None}, headers=("If-None-Match",)
    )
    def categories(caller: Caller) -> Response:  # noqa: ARG001 - any signed-in person
        """The categories in use, by name, with the number of products listed in each."""
        return answered(listings.categories().answer)


def _declare_pictures(api: Api, catalogo: Catalogo, imagenes: Imagenes) -> None:
    @api.endpoint(
        "PUT",
        "/productos/<id:producto_id>/imagen",
        {200: ProductoPublicado},
        errors=(403, 412),
        headers=("If-Match",),
        media={"request": MEDIA_TYPES},
    )
    def put_picture(caller: Caller, producto_id: int, query: TextoDeImagen) -> Response:
        """Give a product its picture: the bytes of a PNG, JPEG, WebP or AVIF; administrators.

        At most 5 MB and 25 megapixels. It is turned upright, freed of its metadata and kept in four widths.
        """
        _check_upload()
        _check_manages(caller)
        catalogo.find(producto_id)
        content = api.bodies.read(LARGEST_BYTES)
        return _product(imagenes.put(producto_id, _picture(content), query.alt or "", _versions()))

    @api.endpoint(
        "DELETE",
        "/productos/<id:producto_id>/imagen",
        {200: ProductoPublicado},
        errors=(403, 412),
        headers=("If-Match",),
    )
    def remove_picture(caller: Caller, producto_id: int) -> Response:
        """Take a product's picture away; administrators."""
        _check_manages(caller)
        return _product(imagenes.remove(producto_id, _versions()))

    @api.endpoint(
        "GET",
        "/imagenes/<hash>-<id:ancho>.<formato>",
        {200: None, 304: None},
        headers=("If-None-Match",),
        media={"response": tuple(SERVED_TYPES.values())},
    )
    def picture(hash: str, ancho: int, formato: str) -> Response:
        """A file of a picture, for everybody; it never changes.

        Widths are 320, 480, 640 and 960, formats avif, webp and jpg. A narrower picture is not enlarged.
        """
        if not HASH.fullmatch(hash) or ancho not in WIDTHS or formato not in SERVED_TYPES:
            raise ApiError(404)
        tag = f"{hash}-{ancho}-{formato}"
        headers = {"ETag": f'"{tag}"', "Cache-Control": "public, max-age=31536000, immutable"}
        datos = imagenes.file(hash, ancho, formato)
        if request.if_none_match.contains_weak(tag):
            return Response(status=304, headers=headers)
        return Response(datos, content_type=SERVED_TYPES[formato], headers=headers)


def _check_upload() -> None:
    """Raise 413 and 415 by the headers alone: nothing is read of what would be refused."""
    if (request.content_length or 0) > LARGEST_BYTES:
        raise ApiError(413, "La imagen pesa más de 5 MB")
    if request.mimetype not in MEDIA_TYPES:
        raise ApiError(415, "La imagen debe ser PNG, JPEG, WebP o AVIF")


def _picture(content: bytes) -> Picture:
    try:
        return derive_in_turn(content)
    except PictureError as error:
        raise ApiError(400, str(error)) from None
    except BusyError:
        raise unavailable("Se están preparando otras imágenes; inténtalo de nuevo") from None


def _check_manages(caller: Caller) -> None:
    if not manages(caller):
        raise ApiError(403)


def _declare_reservations(api: Api, reservas: Reservas) -> None:
    @api.endpoint("PUT", "/reservas/<uuid:reserva_id>", {200: ReservaTomada}, errors=(409, 422))
    def take(caller: ServiceCaller, reserva_id: uuid.UUID, body: NuevaReserva) -> Response:  # noqa: ARG001
        """Hold stock for an order. Repeatable: the id decides."""
        return json_response(_taken(reservas.take(str(reserva_id), body)))

    @api.endpoint("DELETE", "/reservas/<uuid:reserva_id>", {200: ReservaCancelada})
    def cancel(caller: ServiceCaller, reserva_id: uuid.UUID) -> Response:  # noqa: ARG001
        """Give the stock back, once. Repeatable; an unknown id stays cancelled."""
        reservas.cancel(str(reserva_id))
        return json_response(ReservaCancelada(str(reserva_id), CANCELADA))

    @api.endpoint("GET", "/reservas/<uuid:reserva_id>", {200: ReservaLeida})
    def read(caller: ServiceCaller, reserva_id: uuid.UUID) -> Response:  # noqa: ARG001
        """A reservation as it stands."""
        found = reservas.find(str(reserva_id))
        return json_response(
            ReservaLeida(
                found.id,
                found.estado,
                found.producto_id,
                found.cantidad,
                found.nombre,
                amount(found.precio),
                found.moneda,
            )
        )


def _search(caller: Caller, query: Busqueda) -> Search:
    """What is asked for; raise 403 where it takes an administrator."""
    if query.activo is not UNSET and not manages(caller):
        raise ApiError(403)
    q = query.q or ""
    limite = query.limite or LARGEST_PAGE
    return Search(
        words=search_words(q) if q.strip() else None,
        beginning=fold(q),
        categoria=query.categoria or None,
        precio_min=_given(query.precio_min),
        precio_max=_given(query.precio_max),
        disponibles=bool(query.disponibles),
        activo=None if query.activo == "todos" else query.activo != "false",
        orden=query.orden or ("relevancia" if q.strip() else "id"),
        limite=limite,
        offset=((query.pagina or 1) - 1) * limite,
    )


def _given(price: int | UnsetType) -> int | None:
    return None if price is UNSET else int(price)


def _links(query: Busqueda, asked: Search, listing: Listing) -> str:
    """The pages before and after this one, as relative addresses."""
    page = query.pagina or 1
    others = []
    if page > 1:
        others.append((page - 1, "prev"))
    if listing.more:
        others.append((page + 1, "next"))
    given = {name: value for name, value in request.args.items() if name in query.__struct_fields__}
    return ", ".join(
        f'</productos?{urlencode({**given, "limite": asked.limite, "pagina": number})}>; rel="{relation}"'
        for number, relation in others
    )


def _key() -> str | None:
    """The Idempotency-Key; raise 400 for what is no key."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not KEY.fullmatch(key):
        raise ApiError(400, "Idempotency-Key debe tener de 1 a 200 caracteres ASCII sin espacios")
    return key


def _versions() -> Versions:
    return Versions(request.headers.get("If-Match"))


def _answer(producto: Producto) -> Answer:
    return json_answer(msgspec.json.encode(published(producto)), {"ETag": etag(producto.version)})


def _product(producto: Producto) -> Response:
    answer = _answer(producto)
    return Response(answer.content, headers=answer.headers)


def _taken(reserva: Reserva) -> ReservaTomada:
    """A reservation that was taken has all its members."""
    return ReservaTomada(
        reserva.id,
        reserva.producto_id,  # type: ignore[arg-type]
        reserva.cantidad,  # type: ignore[arg-type]
        TOMADA,
        reserva.nombre,  # type: ignore[arg-type]
        amount(reserva.precio),  # type: ignore[arg-type]
        reserva.moneda,  # type: ignore[arg-type]
    )
