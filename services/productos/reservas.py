"""Reservations: stock held for orders, exactly once (reliability.md section 1).

Each call is one transaction and may be repeated, delayed or delivered twice: the reservation's id decides.
"""

import time
from dataclasses import asdict

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.common.database import Database
from services.common.errors import ApiError
from services.productos.model import CANCELADA, RECHAZADA, SIN_CUENTA, TOMADA, Reserva, orderable
from services.productos.schema import NuevaReserva
from services.productos.store import record_movement
from services.productos.tables import productos, reservas

# Built once: building a statement costs more than running it.
BY_ID = select(*(reservas.c[name] for name in Reserva.__dataclass_fields__)).where(
    reservas.c.id == bindparam("reserva")
)
CLAIM = {
    "sqlite": sqlite.insert(reservas).on_conflict_do_nothing().returning(reservas.c.id),
    "postgresql": postgresql.insert(reservas).on_conflict_do_nothing().returning(reservas.c.id),
}
SETTLE = update(reservas).where(reservas.c.id == bindparam("reserva"))
PRODUCT = (
    select(productos.c.nombre, productos.c.precio, productos.c.activo, productos.c.stock)
    .where(productos.c.id == bindparam("producto"))
    .with_for_update(key_share=True)
)
# Whether there is enough stands in the update itself.
TAKE_STOCK = (
    update(productos)
    .where(productos.c.id == bindparam("producto"), productos.c.stock >= bindparam("cantidad"))
    .values(stock=productos.c.stock - bindparam("cantidad"))
)
GIVE_BACK = (
    update(productos)
    .where(productos.c.id == bindparam("producto"), productos.c.stock.is_not(None))
    .values(stock=productos.c.stock + bindparam("cantidad"))
)


class Reservas:
    """The reservations of one catalogue."""

    def __init__(self, database: Database, moneda: str) -> None:
        self._database = database
        self._moneda = moneda

    def find(self, reserva_id: str) -> Reserva:
        """Raise 404 where it was never heard of."""
        with self._database.read() as connection:
            row = connection.execute(BY_ID, {"reserva": reserva_id}).one_or_none()
        if row is None:
            raise ApiError(404)
        return Reserva(*row)

    def take(self, reserva_id: str, asked: NuevaReserva) -> Reserva:
        """The reservation, taken now or before.

        Raise 409 sin_stock (kept: a repetition answers the same) or cancelada, 422 producto_desconocido or
        producto_retirado (nothing is stored) or clave_reutilizada (the id holds another product or quantity).
        """
        with self._database.write() as connection:
            if _claim(connection, reserva_id):
                reserva = self._take(connection, reserva_id, asked)
            else:
                reserva = _known(connection, reserva_id)
        return _answer(reserva, asked)

    def _take(self, connection: Connection, reserva_id: str, asked: NuevaReserva) -> Reserva:
        producto = _orderable_product(connection, asked.producto_id)
        counted = producto.stock is not None
        taken = not counted or _take_stock(connection, asked)
        reserva = Reserva(
            id=reserva_id,
            estado=TOMADA if taken else RECHAZADA,
            producto_id=asked.producto_id,
            cantidad=asked.cantidad,
            nombre=producto.nombre,
            precio=producto.precio,
            moneda=self._moneda,
            contada=int(counted and taken),
        )
        connection.execute(SETTLE, {"reserva": reserva_id, **asdict(reserva)})
        return reserva

    def cancel(self, reserva_id: str) -> None:
        """Give the stock back, once. An unknown id stays cancelled, so that a late reservation takes nothing."""
        with self._database.write() as connection:
            if _claim(connection, reserva_id):
                return
            reserva = _known(connection, reserva_id)
            connection.execute(SETTLE, {"reserva": reserva_id, "estado": CANCELADA})
            if reserva.estado == TOMADA and reserva.contada:
                _give_back(connection, reserva)


def _claim(connection: Connection, reserva_id: str) -> bool:
    """Whether the id was unknown; it is this transaction's now, and cancelled unless the transaction says otherwise.

    Everything locks its reservation first and the product second, so that no two wait for each other.
    """
    tombstone = Reserva(reserva_id, CANCELADA, None, None, None, None, None, 0)
    values = {**asdict(tombstone), "creado_en": int(time.time() * 1000)}
    return connection.execute(CLAIM[connection.dialect.name], values).first() is not None


def _known(connection: Connection, reserva_id: str) -> Reserva:
    """A reservation that is there, locked until the transaction ends."""
    return Reserva(*connection.execute(BY_ID.with_for_update(), {"reserva": reserva_id}).one())


def _answer(reserva: Reserva, asked: NuevaReserva) -> Reserva:
    if reserva.estado == CANCELADA:
        raise ApiError(409, "La reserva está cancelada", "cancelada")
    if (reserva.producto_id, reserva.cantidad) != (asked.producto_id, asked.cantidad):
        raise ApiError(422, "Esta reserva ya existe con otro producto o cantidad", "clave_reutilizada")
    if reserva.estado == RECHAZADA:
        raise ApiError(409, "No hay suficientes existencias", "sin_stock")
    return reserva


def _orderable_product(connection: Connection, producto_id: int) -> Row[str, int | None, int, int | None]:
    """Name, price, whether listed, and stock, locked until the transaction ends."""
    producto = connection.execute(PRODUCT, {"producto": producto_id}).one_or_none()
    if producto is None:
        raise ApiError(422, "El producto no existe", "producto_desconocido")
    if not orderable(producto.activo, producto.precio):
        raise ApiError(422, "El producto ya no está a la venta", "producto_retirado")
    return producto


def _take_stock(connection: Connection, asked: NuevaReserva) -> bool:
    """Whether there was enough."""
    units = {"producto": asked.producto_id, "cantidad": asked.cantidad}
    return connection.execute(TAKE_STOCK, units).rowcount == 1


def _give_back(connection: Connection, reserva: Reserva) -> None:
    """Add to the stock; where it is no longer counted, the ledger says that the units left the count."""
    assert reserva.producto_id is not None  # noqa: S101 - a check of the table
    assert reserva.cantidad is not None  # noqa: S101
    units = {"producto": reserva.producto_id, "cantidad": reserva.cantidad}
    if connection.execute(GIVE_BACK, units).rowcount == 0:
        record_movement(connection, reserva.producto_id, -reserva.cantidad, SIN_CUENTA, None)
