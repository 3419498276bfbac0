"""The orders' tables and every statement over them, the same on both engines."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from services.common.database import Integer64
from services.pedidos.model import Attempt, Encargo, Estado, Fase, Reserva, folded
from services.pedidos.prepared import Mark

COUNTED = 1000  # a total is exact up to here
FEW_NAMES = 500  # of products: so many are looked for one by one
OLDEST_REFUSAL = 30 * 24 * 3600 * 1000  # milliseconds that the key of a refused or undone order is remembered

# Spelled out, because a partial index is used only by statements that repeat its condition literally.
VISIBLE = text("fase IN ('confirmado', 'devolviendo', 'devuelto')")
UNFINISHED = text("fase IN ('intento', 'abortando', 'devolviendo')")
WITHOUT_ORDER = text("fase IN ('rechazado', 'abortado')")

metadata = MetaData()

# estado is what the shop's people see, fase the protocol's own state. plazo names the lease of a running attempt, NULL where
# it was given back; an order keeps it until another request is told that it stands. original holds, as JSON, what old data
# had in place of whole numbers; estado_original its spelling.
pedidos = Table(
    "pedidos",
    metadata,
    Column("id", Integer64, primary_key=True),
    Column("usuario_id", Integer64),
    Column("producto_id", Integer64),
    Column("cantidad", Integer64),
    Column("estado", Text, nullable=False),
    Column("estado_original", Text),
    Column("original", Text),
    Column("nombre", Text),
    Column("precio_unitario", Integer64),
    Column("total", Integer64),
    Column("moneda", Text),
    Column("compra_id", Text),
    Column("creado_en", Integer64),
    Column("enviado_en", Integer64),
    Column("entregado_en", Integer64),
    Column("cancelado_en", Integer64),
    Column("version", Integer64, nullable=False),
    Column("clave", Text),
    Column("huella", Text),
    Column("fase", Text, nullable=False),
    Column("intento_n", Integer64, nullable=False),
    Column("reserva_id", Text),
    Column("plazo", Integer64),
    Column("motivo", Text),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

# Each product name ever ordered, without accents and capitals beside it: a search reads these few, not every order.
nombres = Table(
    "nombres",
    metadata,
    Column("nombre", Text, primary_key=True),
    Column("plegado", Text, nullable=False),
    sqlite_strict=True,
)

c = pedidos.c

Index(
    "pedidos_clave",
    c.usuario_id,
    c.clave,
    unique=True,
    sqlite_where=c.clave.is_not(None),
    postgresql_where=c.clave.is_not(None),
)
Index("pedidos_usuario", c.usuario_id, c.id, sqlite_where=VISIBLE, postgresql_where=VISIBLE)
Index("pedidos_estado", c.estado, c.id, sqlite_where=VISIBLE, postgresql_where=VISIBLE)
Index("pedidos_nombre", c.nombre, c.estado, c.id, sqlite_where=VISIBLE, postgresql_where=VISIBLE)
Index("pedidos_sin_terminar", c.id, sqlite_where=UNFINISHED, postgresql_where=UNFINISHED)
Index("pedidos_sin_pedido", c.creado_en, sqlite_where=WITHOUT_ORDER, postgresql_where=WITHOUT_ORDER)

AnyRow = Row[*tuple[Any, ...]]
Rows = Sequence[AnyRow]


class Start(NamedTuple):
    """How an attempt begins: with what it will hold and its lease, or as an order that holds nothing. Times in ms."""

    fase: Fase
    reserva_id: str | None
    plazo: int | None
    now: int


# Statements that every order needs are built once: building costs more than running them.
BY_KEY = (
    select(c.id, c.huella, c.fase, c.intento_n, c.reserva_id, c.plazo)
    .where(c.usuario_id == bindparam("usuario"), c.clave == bindparam("key"))
    .with_for_update()
)
ADD = insert(pedidos)
SETTLE = update(pedidos).where(
    c.id == bindparam("pedido"), c.fase == Fase.INTENTO, c.intento_n == bindparam("intento")
)
ONE = select(pedidos).where(c.id == bindparam("pedido"), VISIBLE)
OWN = ONE.where(c.usuario_id == bindparam("usuario"))
REMEMBER_NAME = text(
    "INSERT INTO nombres (nombre, plegado) VALUES (:nombre, :plegado) ON CONFLICT DO NOTHING"
)
MARK = (
    "SELECT count(*), coalesce(sum(version), 0), coalesce(sum(id), 0) FROM pedidos"
    " WHERE usuario_id = ? AND fase IN ('confirmado', 'devolviendo', 'devuelto')"
)
MARK_WITHIN = text(MARK.replace("?", ":usuario"))


def by_key(connection: Connection, usuario_id: int, clave: str) -> AnyRow | None:
    """What a key already stands for, locked until the transaction ends."""
    return connection.execute(BY_KEY, {"usuario": usuario_id, "key": clave}).one_or_none()


def add(connection: Connection, encargo: Encargo, start: Start) -> int:
    """Store a new order in its first attempt; its id. IntegrityError where its key is known."""
    added = connection.execute(
        ADD,
        {
            "usuario_id": encargo.usuario_id,
            "producto_id": encargo.producto_id,
            "cantidad": encargo.cantidad,
            "compra_id": encargo.compra_id,
            "clave": encargo.clave,
            "huella": encargo.huella,
            "estado": Estado.PENDIENTE,
            "version": 1,
            "fase": start.fase,
            "intento_n": 1,
            "reserva_id": start.reserva_id,
            "plazo": start.plazo,
            "creado_en": start.now,
        },
    )
    return int(added.inserted_primary_key[0])  # type: ignore[index]


def restart(connection: Connection, pedido_id: int, start: Start) -> None:
    """The next attempt of an order that was undone, with a reservation's id that nobody used."""
    connection.execute(
        update(pedidos)
        .where(c.id == pedido_id, c.fase == Fase.ABORTADO)
        .values(
            fase=start.fase,
            intento_n=c.intento_n + 1,
            reserva_id=start.reserva_id,
            plazo=start.plazo,
            creado_en=start.now,
        )
    )


def lease(connection: Connection, pedido_id: int, plazo: int) -> None:
    connection.execute(update(pedidos).where(c.id == pedido_id, c.fase == Fase.INTENTO).values(plazo=plazo))


def confirm(connection: Connection, attempt: Attempt, reserva: Reserva, total: int) -> bool:
    """Whether the attempt became an order: only where nobody undid it meanwhile."""
    changed = {
        "nombre": reserva.nombre,
        "precio_unitario": reserva.precio,
        "total": total,
        "moneda": reserva.moneda,
        "plazo": attempt.plazo,
    }
    if not _settled(connection, attempt, Fase.CONFIRMADO, changed):
        return False
    connection.execute(REMEMBER_NAME, {"nombre": reserva.nombre, "plegado": folded(reserva.nombre)})
    return True


def end_attempt(connection: Connection, attempt: Attempt, fase: Fase) -> bool:
    """Whether the attempt went to ``fase`` (rechazado or abortando); not where somebody undid it meanwhile."""
    return _settled(connection, attempt, fase, {})


def _settled(connection: Connection, attempt: Attempt, fase: Fase, changed: dict[str, Any]) -> bool:
    which = {"pedido": attempt.pedido_id, "intento": attempt.intento_n}
    return connection.execute(SETTLE, {**which, "fase": fase, "plazo": None, **changed}).rowcount == 1


def give_lease_back(connection: Connection, attempt: Attempt) -> bool:
    """Whether it was still held."""
    lease_of = (c.id == attempt.pedido_id, c.fase == Fase.INTENTO, c.plazo == attempt.plazo)
    return connection.execute(update(pedidos).where(*lease_of).values(plazo=None)).rowcount == 1


def end_lease(connection: Connection, pedido_id: int) -> None:
    """Note that another request was told of this order, so that it stays."""
    connection.execute(update(pedidos).where(c.id == pedido_id).values(plazo=None))


def withdraw(connection: Connection, attempt: Attempt) -> bool:
    """Whether the attempt was an order that nobody was told of or changed; it is one to undo now."""
    untold, unchanged = c.plazo == attempt.plazo, c.version == 1
    return move(
        connection, attempt.pedido_id, attempt.intento_n, Fase.CONFIRMADO, Fase.ABORTANDO, untold, unchanged
    )


def is_order(connection: Connection, attempt: Attempt) -> bool:
    """Whether this attempt became an order."""
    which = (c.id == attempt.pedido_id, c.intento_n == attempt.intento_n, VISIBLE)
    return connection.execute(select(c.id).where(*which)).first() is not None


def unfinished(connection: Connection, limit: int) -> Rows:
    """What recovery has to look at, oldest first."""
    return connection.execute(
        select(c.id, c.fase, c.intento_n, c.reserva_id, c.plazo).where(UNFINISHED).order_by(c.id).limit(limit)
    ).all()


def move(
    connection: Connection,
    pedido_id: int,
    intento_n: int,
    before: Fase,
    after: Fase,
    *conditions: ColumnElement[bool],
) -> bool:
    """Recovery's compare-and-set from one phase to the next, where the other ``conditions`` hold too."""
    moved = connection.execute(
        update(pedidos)
        .where(c.id == pedido_id, c.fase == before, c.intento_n == intento_n, *conditions)
        .values(fase=after, plazo=None)
    )
    return moved.rowcount == 1


def forget_refusals(connection: Connection, now: int) -> int:
    """Drop what never became an order and is older than its key has to be remembered; how many."""
    old = and_(WITHOUT_ORDER, c.creado_en < now - OLDEST_REFUSAL)
    return connection.execute(delete(pedidos).where(old)).rowcount


def find(
    connection: Connection, pedido_id: int, usuario_id: int | None, *, lock: bool = False
) -> AnyRow | None:
    """An order by its id and, where ``usuario_id`` is given, its owner."""
    statement = ONE if usuario_id is None else OWN
    if lock:
        statement = statement.with_for_update()
    return connection.execute(statement, {"pedido": pedido_id, "usuario": usuario_id}).one_or_none()


def change(connection: Connection, pedido_id: int, changed: dict[str, Any]) -> None:
    connection.execute(update(pedidos).where(c.id == pedido_id).values(changed))


def of_user(usuario_id: int, estado: str | None, compra_id: str | None) -> ColumnElement[bool]:
    """The condition of a person's orders."""
    conditions: list[Any] = [VISIBLE, c.usuario_id == usuario_id]
    if estado is not None:
        conditions.append(c.estado == estado)
    if compra_id is not None:
        conditions.append(c.compra_id == compra_id)
    return and_(*conditions)


def mark(connection: Connection, usuario_id: int) -> Mark:
    """Which state a person's list is in."""
    return Mark(*connection.execute(MARK_WITHIN, {"usuario": usuario_id}).one())


def listed(
    connection: Connection,
    condition: ColumnElement[bool],
    limit: int | None = None,
    offset: int = 0,
    *,
    newest_first: bool = False,
) -> Rows:
    """Orders by number; all of them where ``limit`` is None."""
    statement = select(pedidos).where(condition).order_by(c.id.desc() if newest_first else c.id)
    if limit is not None:
        statement = statement.limit(limit).offset(offset)
    return connection.execute(statement).all()


def counted(connection: Connection, condition: ColumnElement[bool]) -> int:
    """How many there are, COUNTED + 1 standing for more."""
    some = select(c.id).where(condition).limit(COUNTED + 1).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def per_state_of_user(connection: Connection, usuario_id: int) -> dict[str, int] | None:
    """How many of a person's orders are in each state; None where they are more than COUNTED."""
    some = select(c.estado).where(of_user(usuario_id, None, None)).limit(COUNTED + 1).subquery()
    grouped = select(some.c.estado, func.count()).group_by(some.c.estado)
    counts = {str(estado): int(count) for estado, count in connection.execute(grouped)}
    return {str(one): counts.get(one, 0) for one in Estado} if sum(counts.values()) <= COUNTED else None


def newest(connection: Connection, estado: str | None, q: str, limit: int, offset: int) -> tuple[Rows, int]:
    """One page of everybody's orders, newest first, and how many match (COUNTED + 1 standing for more).

    Few matches are gathered by index and sorted; many are met soon by walking from the newest.
    """
    base: Any = VISIBLE if estado is None else and_(VISIBLE, c.estado == estado)
    page: Select[Any] = select(pedidos).order_by(c.id.desc())
    if not q:
        total = counted(connection, base)
        return connection.execute(page.where(base).limit(limit).offset(offset)).all(), total
    names = _names(connection, q)
    found = _gathered(connection, base, _meanings(q, c.nombre, names))
    if len(found) > COUNTED:
        # An expression over the name, so that no index on it is taken: that would gather and sort them all.
        meanings = _meanings(q, func.coalesce(c.nombre, ""), names)
        walked = page.where(base, or_(*meanings)).limit(limit).offset(offset)
        return connection.execute(walked).all(), len(found)
    wanted = sorted(found, reverse=True)[offset : offset + limit]
    return connection.execute(page.where(c.id.in_(wanted))).all(), len(found)


def _names(connection: Connection, q: str) -> Any:
    """The names of products that have ``q`` within: themselves where they are few, so that they are read once."""
    pattern = "".join(f"\\{character}" if character in "\\%_" else character for character in folded(q))
    names = select(nombres.c.nombre).where(nombres.c.plegado.like(f"%{pattern}%", escape="\\"))
    few = connection.execute(names.limit(FEW_NAMES + 1)).scalars().all()
    return few if len(few) <= FEW_NAMES else names


def _meanings(q: str, nombre: ColumnElement[Any], names: Any) -> list[ColumnElement[bool]]:
    """What a search may mean: part of a product's name, an order's number, a person's id."""
    meanings: list[ColumnElement[bool]] = [nombre.in_(names)]
    if q.isascii() and q.isdigit() and len(q) <= 18:
        meanings += [c.id == int(q), c.usuario_id == int(q)]
    return meanings


def _gathered(connection: Connection, base: Any, alternatives: Iterable[ColumnElement[bool]]) -> set[int]:
    found: set[int] = set()
    for alternative in alternatives:
        found.update(connection.execute(select(c.id).where(base, alternative).limit(COUNTED + 1)).scalars())
    return found


def per_state(connection: Connection) -> dict[str, int]:
    """How many orders are in each state, at most COUNTED of each."""
    states = [estado for estado in Estado if estado != Estado.DESCONOCIDO]
    return {
        str(estado): min(COUNTED, counted(connection, and_(VISIBLE, c.estado == estado))) for estado in states
    }
