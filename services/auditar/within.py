"""What must hold inside one database: statements that find the rows for which it does not (reliability.md section 4)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, inspect, text

from services.auditar.databases import Place

WAL_BYTES = 64 * 1024 * 1024
PAGE = 1000


class Fault(NamedTuple):
    """A broken invariant and the row that breaks it."""

    invariant: str
    line: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.line}"


class Check(NamedTuple):
    """``query`` finds the rows that break ``invariant``; ``line`` says it of one, by its columns."""

    invariant: str
    query: str
    line: str


PRODUCTOS = (
    Check("I1", "SELECT id, stock FROM productos WHERE stock < 0", "producto {id}: its stock is {stock}"),
    # Where stock is no longer counted, the ledger ends at what is still held.
    Check(
        "I2",
        "SELECT p.id, coalesce(p.stock, 0) AS stock, coalesce(r.held, 0) AS held, coalesce(m.total, 0) AS ledger"
        " FROM productos p"
        " LEFT JOIN (SELECT producto_id, sum(cantidad) AS held FROM reservas"
        "  WHERE estado = 'tomada' AND contada = 1 GROUP BY producto_id) r ON r.producto_id = p.id"
        " LEFT JOIN (SELECT producto_id, sum(cantidad) AS total FROM movimientos GROUP BY producto_id) m"
        "  ON m.producto_id = p.id"
        " WHERE coalesce(p.stock, 0) + coalesce(r.held, 0) <> coalesce(m.total, 0) ORDER BY p.id",
        "producto {id}: stock {stock} + held {held} is not the {ledger} of its ledger",
    ),
    Check(
        "I4",
        "SELECT creador_id, min(id) AS one, max(id) AS other FROM productos WHERE clave IS NOT NULL"
        " GROUP BY creador_id, clave HAVING count(*) > 1",
        "productos {one} and {other} of usuario {creador_id}: one key made both",
    ),
)

PEDIDOS = (
    Check(
        "I3",
        "SELECT id, estado, fase FROM pedidos WHERE reserva_id IS NOT NULL AND"
        " ((fase = 'confirmado' AND estado = 'cancelado')"
        "  OR (fase IN ('devolviendo', 'devuelto') AND estado <> 'cancelado'))",
        "pedido {id}: its estado {estado} and its fase {fase} contradict each other",
    ),
    Check(
        "I3",
        "SELECT id, fase FROM pedidos WHERE reserva_id IS NULL AND fase <> 'confirmado'",
        "pedido {id}: {fase} without a reservation",
    ),
    Check(
        "I4",
        "SELECT usuario_id, min(id) AS one, max(id) AS other FROM pedidos WHERE clave IS NOT NULL"
        " GROUP BY usuario_id, clave HAVING count(*) > 1",
        "pedidos {one} and {other} of usuario {usuario_id}: one key placed both",
    ),
    Check(
        "I4",
        "SELECT reserva_id, min(id) AS one, max(id) AS other FROM pedidos WHERE reserva_id IS NOT NULL"
        " GROUP BY reserva_id HAVING count(*) > 1",
        "pedidos {one} and {other}: both have the reservation {reserva_id}",
    ),
    Check(
        "I7",
        "SELECT id, fase, (:now - since) / 1000 AS seconds FROM"
        " (SELECT id, fase, plazo, coalesce(CASE WHEN fase = 'devolviendo' THEN cancelado_en ELSE creado_en END, 0)"
        "   AS since FROM pedidos WHERE fase IN ('intento', 'abortando', 'devolviendo')) unfinished"
        " WHERE since < :before AND coalesce(plazo, 0) < :before ORDER BY id",
        "pedido {id}: {fase} for {seconds} s",
    ),
    Check(
        "I12",
        "SELECT id, total, precio_unitario, cantidad FROM pedidos"
        " WHERE fase IN ('confirmado', 'devolviendo', 'devuelto') AND (total <> precio_unitario * cantidad"
        " OR (reserva_id IS NOT NULL AND (total IS NULL OR precio_unitario IS NULL OR cantidad IS NULL)))",
        "pedido {id}: its total {total} is not {precio_unitario} × {cantidad}",
    ),
)

USUARIOS = (
    Check(
        "I4",
        "SELECT min(id) AS one, max(id) AS other FROM usuarios WHERE email_clave IS NOT NULL"
        " GROUP BY email_clave HAVING count(*) > 1",
        "usuarios {one} and {other}: one e-mail for both",
    ),
    Check(
        "I4",
        "SELECT u.id, c.ultimo FROM usuarios u, contador c WHERE u.id > c.ultimo",
        "usuario {id}: the counter of ids is at {ultimo} and would give this one again",
    ),
)

CHECKS = {"usuarios": USUARIOS, "productos": PRODUCTOS, "pedidos": PEDIDOS}
COUNTED_IDS = {"productos": ("productos", "movimientos"), "pedidos": ("pedidos",)}


def faults(place: Place, connection: Connection, now: int, older: float | None) -> Iterator[Fault]:
    """What one database breaks. ``now`` in ms; an unfinished order may be ``older`` seconds old (None: any)."""
    moments = {"now": now, "before": -1 if older is None else now - int(older * 1000)}
    for check in CHECKS[place.name]:
        names = {name: moment for name, moment in moments.items() if f":{name}" in check.query}
        for row in connection.execute(text(check.query), names).mappings():
            yield Fault(check.invariant, check.line.format(**row))
    yield from _foreign_keys(place, connection)
    if place.file is None:
        yield from _sequences(place, connection)


def file_faults(place: Place, connection: Connection) -> Iterator[Fault]:
    """I8: the file is sound, and its write-ahead log bounded."""
    if place.file is None:
        return
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if line != "ok":
            yield Fault("I8", f"{place.name}: {line}")
    log = place.file.with_name(f"{place.file.name}-wal")
    size = log.stat().st_size if log.exists() else 0
    if size >= WAL_BYTES:
        yield Fault("I8", f"{place.name}: its write-ahead log has {size // 2**20} MiB")


def _foreign_keys(place: Place, connection: Connection) -> Iterator[Fault]:
    """I8: rows that name a row of another table which is not there."""
    for (_, table), keys in sorted(inspect(connection).get_multi_foreign_keys().items()):
        for key in keys:
            own, other = key["constrained_columns"][0], key["referred_columns"][0]
            query = (
                f"SELECT DISTINCT c.{own} FROM {table} c WHERE c.{own} IS NOT NULL"  # noqa: S608 - names of the schema
                f" AND NOT EXISTS (SELECT 1 FROM {key['referred_table']} p WHERE p.{other} = c.{own})"
            )
            for (value,) in connection.execute(text(query)):
                yield Fault(
                    "I8", f"{place.name}: {table}.{own} = {value} names no row of {key['referred_table']}"
                )


def _sequences(place: Place, connection: Connection) -> Iterator[Fault]:
    """I4 on PostgreSQL: ids are never given twice, not even after a restore."""
    for table in COUNTED_IDS.get(place.name, ()):
        query = f"SELECT max(id), (SELECT last_value FROM {table}_id_seq) FROM {table}"  # noqa: S608 - names of ours
        highest, last = connection.execute(text(query)).one()
        if (highest or 0) > last:
            yield Fault("I4", f"{place.name}: {table} has the id {highest}, its sequence is at {last}")


def rows(connection: Connection, query: str) -> Iterator[Any]:
    """A result that need not fit in memory."""
    options = {"stream_results": True, "yield_per": PAGE}
    yield from connection.execute(text(query), execution_options=options)
