"""What must hold between orders and stock: each order that stands holds its units, and nothing else does (I3, I12).

Orders are read first, products after. What changed in between can look like a fault, once: a look is two moments, and a
fault counts where two looks in a row see it. That is exact, because fases only move on and a reservation's id is used once:
an order confirmed in both looks was confirmed in between; units held in both for no order had none in between.
"""

import heapq
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection

from services.auditar.databases import Place, snapshot
from services.auditar.within import Fault, rows

ORDERS = (
    "SELECT reserva_id, id, fase, producto_id, cantidad, precio_unitario, moneda"
    " FROM pedidos WHERE reserva_id IS NOT NULL ORDER BY reserva_id"
)
RESERVATIONS = (
    "SELECT id AS reserva_id, estado, producto_id, cantidad, precio, moneda FROM reservas ORDER BY id"
)
STANDING = ("confirmado", "devolviendo", "devuelto")
OVER = ("rechazado", "abortado", "devuelto")
Entry = tuple[str, Any, Any]  # a reservation's id; its order or None; itself or None


class Orphan(NamedTuple):
    """Units that a reservation holds for no order."""

    reserva_id: str
    producto_id: int
    cantidad: int

    def __str__(self) -> str:
        return f"reserva {self.reserva_id}: holds {self.cantidad} of producto {self.producto_id} for no order"


def faults(pedidos: Place, productos: Place) -> list[Fault]:
    found = list(_look(pedidos, productos))
    if not found:
        return []
    again = set(_look(pedidos, productos))
    return [fault for fault in found if fault in again]


def orphans(pedidos: Place, productos: Place) -> list[Orphan]:
    """What is held for no order; sure only while nobody orders."""
    return [
        Orphan(reserva_id, reserva.producto_id, reserva.cantidad)
        for reserva_id, orders, reserva in _by_reservation(pedidos, productos)
        if _is_orphan(orders, reserva)
    ]


def _look(pedidos: Place, productos: Place) -> Iterator[Fault]:
    for reserva_id, orders, reserva in _by_reservation(pedidos, productos):
        for order in orders:
            yield from _order_faults(order, reserva)
        if _is_orphan(orders, reserva):
            yield Fault("I3", str(Orphan(reserva_id, reserva.producto_id, reserva.cantidad)))


def _is_orphan(orders: list[Any], reserva: Any) -> bool:
    return not orders and reserva.estado == "tomada"


def _by_reservation(pedidos: Place, productos: Place) -> Iterator[tuple[str, list[Any], Any]]:
    """Each reservation's id with the orders that have it and itself, None where productos does not know it."""
    with snapshot(pedidos) as orders, snapshot(productos) as products:
        by_order: Iterator[Entry] = ((row.reserva_id, row, None) for row in _by_bytes(orders, ORDERS))
        by_reservation: Iterator[Entry] = (
            (row.reserva_id, None, row) for row in _by_bytes(products, RESERVATIONS)
        )
        merged = heapq.merge(by_order, by_reservation, key=itemgetter(0))
        for reserva_id, entries in groupby(merged, key=itemgetter(0)):
            known = list(entries)
            yield (
                reserva_id,
                [order for _, order, _ in known if order],
                next((reserva for _, _, reserva in known if reserva), None),
            )


def _by_bytes(connection: Connection, query: str) -> Iterator[Any]:
    """In the order in which Python compares, whatever the database's language."""
    return rows(connection, query + (' COLLATE "C"' if connection.dialect.name == "postgresql" else ""))


def _order_faults(order: Any, reserva: Any) -> Iterator[Fault]:
    estado = reserva.estado if reserva else "missing"
    known = f"pedido {order.id}: {order.fase}, its reservation {order.reserva_id}"
    if order.fase == "confirmado" and estado != "tomada":
        yield Fault("I3", f"{known} is {estado}")
        return
    if order.fase in OVER and estado == "tomada":
        yield Fault("I3", f"{known} is still held")
    if order.fase in STANDING and reserva is None:
        yield Fault("I3", f"{known} is missing")
    if reserva is None or reserva.producto_id is None:
        return
    if (order.producto_id, order.cantidad) != (reserva.producto_id, reserva.cantidad):
        yield Fault(
            "I3",
            f"{known} is of {reserva.cantidad} of producto {reserva.producto_id},"
            f" not {order.cantidad} of {order.producto_id}",
        )
    if order.fase in STANDING and (order.precio_unitario, order.moneda) != (reserva.precio, reserva.moneda):
        yield Fault(
            "I12",
            f"{known} has the price {reserva.precio} {reserva.moneda}, not {order.precio_unitario} {order.moneda}",
        )
