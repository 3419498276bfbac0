"""HTTP in, one call, HTTP out."""

import re
import uuid

from flask import Response, request

from services.common.api import Api, Message
from services.common.errors import ApiError, json_response
from services.common.tokens import Caller, ServiceCaller
from services.productos.catalogo import Catalogo, Versions, etag
from services.productos.model import CANCELADA, TOMADA, Producto, Reserva, amount
from services.productos.prepared import PreparedList
from services.productos.reservas import Reservas
from services.productos.schema import (
    Cambios,
    NuevaReserva,
    NuevoProducto,
    ProductoPublicado,
    ReservaCancelada,
    ReservaLeida,
    ReservaTomada,
    published,
)

KEY = re.compile(r"[\x21-\x7e]{1,200}")


def declare(api: Api, catalogo: Catalogo, prepared: PreparedList, reservas: Reservas) -> None:
    """The endpoints of contract.md sections 2 and 4 for productos."""
    _declare_products(api, catalogo, prepared)
    _declare_reservations(api, reservas)


def _declare_products(api: Api, catalogo: Catalogo, prepared: PreparedList) -> None:
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

    @api.endpoint("GET", "/productos", {200: list[ProductoPublicado]}, headers=("If-None-Match",))
    def whole_list(caller: Caller) -> Response:  # noqa: ARG001 - any signed-in person
        """The whole catalogue, by id, without the withdrawn products."""
        listing = prepared.current()
        return Response(listing.body, content_type="application/json", headers={"ETag": listing.etag})

    @api.endpoint("GET", "/productos/<id:producto_id>", {200: ProductoPublicado})
    def find(caller: Caller, producto_id: int) -> Response:  # noqa: ARG001 - any signed-in person
        """A product, withdrawn ones included.

        ETag is its version for If-Match; it counts edits, not sales.
        """
        return _product(catalogo.find(producto_id))

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


def _key() -> str | None:
    """The Idempotency-Key; raise 400 for what is no key."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not KEY.fullmatch(key):
        raise ApiError(400, "Idempotency-Key debe tener de 1 a 200 caracteres ASCII sin espacios")
    return key


def _versions() -> Versions:
    return Versions(request.headers.get("If-Match"))


def _product(producto: Producto) -> Response:
    return json_response(published(producto), headers={"ETag": etag(producto.version)})


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
