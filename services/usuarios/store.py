"""The accounts' tables and every statement over them."""

from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert

from services.common.database import Integer64
from services.usuarios.limits import HOUR, Tries
from services.usuarios.model import ADMINISTRADOR, READER_ID, Usuario, fold

metadata = MetaData()

# email_clave is the folded e-mail; NULL where an older account of the original data has the same but for case.
usuarios = Table(
    "usuarios",
    metadata,
    Column("id", Integer64, primary_key=True, autoincrement=False),
    Column("nombre", Text, nullable=False),
    Column("email", Text, nullable=False, unique=True),
    Column("email_clave", Text, unique=True),
    Column("password", Text, nullable=False),
    Column("rol", Text, nullable=False),
    Column("creado_en", Integer64),
    Column("valido_desde", Integer64, nullable=False),
    sqlite_strict=True,
)

# One row: the last id given. Ids are never given twice and a refused registration uses none up.
contador = Table(
    "contador",
    metadata,
    Column("id", Integer64, primary_key=True, autoincrement=False),
    Column("ultimo", Integer64, nullable=False),
    sqlite_strict=True,
)

# Wrong sign-ins (with the account's key) and registrations (without), kept for an hour.
intentos = Table(
    "intentos",
    metadata,
    Column("momento", Integer64, nullable=False),
    Column("direccion", Text, nullable=False),
    Column("cuenta", Text),
    Index("intentos_direccion", "direccion", "momento"),
    Index("intentos_cuenta", "cuenta", "momento"),
    Index("intentos_momento", "momento"),
    sqlite_strict=True,
)

ACCOUNTS = select(*(usuarios.c[name] for name in Usuario.__dataclass_fields__))
BY_ID = ACCOUNTS.where(usuarios.c.id == bindparam("usuario"))
BY_ID_AT_A_GLANCE = str(BY_ID.compile(dialect=sqlite.dialect()))


def by_id(connection: Connection, usuario_id: int) -> Usuario | None:
    return _one(connection, BY_ID, {"usuario": usuario_id})


def by_email(connection: Connection, email: str) -> Usuario | None:
    """The account of an e-mail: the exact spelling first, then without regard to case."""
    return _one(connection, ACCOUNTS.where(usuarios.c.email == email)) or _one(
        connection, ACCOUNTS.where(usuarios.c.email_clave == fold(email))
    )


def _one(
    connection: Connection, statement: Select[Any], values: dict[str, Any] | None = None
) -> Usuario | None:
    row = connection.execute(statement, values).one_or_none()
    return Usuario(*row) if row else None


def names(connection: Connection, numbers: list[int]) -> list[tuple[int, str]]:
    """Ids and names of the accounts there are, by id."""
    c = usuarios.c
    rows = connection.execute(select(c.id, c.nombre).where(c.id.in_(numbers)).order_by(c.id))
    return [(number, nombre) for number, nombre in rows]


def email_taken(connection: Connection, email: str) -> bool:
    return by_email(connection, email) is not None


def one_at_a_time(connection: Connection) -> None:
    """Until this transaction ends, no other one registers or removes an account."""
    connection.execute(update(contador).values(ultimo=contador.c.ultimo))


def next_id(connection: Connection) -> int:
    statement = update(contador).values(ultimo=contador.c.ultimo + 1).returning(contador.c.ultimo)
    given: int = connection.execute(statement).scalar_one()
    return given


def is_first(connection: Connection) -> bool:
    """Whether nobody but the reader has registered yet."""
    return (
        connection.execute(select(usuarios.c.id).where(usuarios.c.id != READER_ID).limit(1)).first() is None
    )


def add(connection: Connection, usuario: Usuario) -> bool:
    """Whether the account was added; not where its e-mail or its id is taken."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement: Insert = (
        insert(usuarios)
        .values(
            {name: getattr(usuario, name) for name in Usuario.__dataclass_fields__},
        )
        .values(email_clave=fold(usuario.email))
        .on_conflict_do_nothing()
    )
    # Not rowcount: PostgreSQL's driver does not say it of an insert whose key is given.
    return connection.execute(statement.returning(usuarios.c.id)).first() is not None


def change(connection: Connection, usuario: Usuario, values: dict[str, Any]) -> bool:
    """Whether it was changed; not where the account left or its password changed since it was read."""
    same = (usuarios.c.id == usuario.id) & (usuarios.c.valido_desde == usuario.valido_desde)
    return connection.execute(update(usuarios).where(same).values(values)).rowcount == 1


def replace_hash(connection: Connection, usuario: Usuario, new_hash: str) -> None:
    """A stronger hash of the same password, unless the password changed meanwhile."""
    connection.execute(
        update(usuarios)
        .where(usuarios.c.id == usuario.id, usuarios.c.password == usuario.password)
        .values(password=new_hash)
    )


def remove(connection: Connection, usuario_id: int) -> None:
    connection.execute(delete(usuarios).where(usuarios.c.id == usuario_id))


def other_administrators(connection: Connection, usuario_id: int) -> int:
    return connection.execute(
        select(func.count())
        .select_from(usuarios)
        .where(usuarios.c.rol == ADMINISTRADOR, usuarios.c.id != usuario_id)
    ).scalar_one()


def record_try(connection: Connection, now: int, address: str, account: str | None) -> None:
    connection.execute(delete(intentos).where(intentos.c.momento <= now - HOUR))
    connection.execute(intentos.insert().values(momento=now, direccion=address, cuenta=account))


def tries(connection: Connection, now: int, address: str, account: str) -> Tries:
    """The wrong sign-ins of the last hour that concern this address and this account."""
    moment, by_address, by_account = intentos.c.momento, intentos.c.direccion, intentos.c.cuenta
    recent = select(moment).where(moment > now - HOUR).order_by(moment)
    return Tries(
        connection.execute(recent.where(by_address == address, by_account == account)).scalars().all(),
        connection.execute(recent.where(by_account == account)).scalars().all(),
        connection.execute(recent.where(by_address == address, by_account.is_not(None))).scalars().all(),
    )


def registrations(connection: Connection, now: int, address: str) -> list[int]:
    """The moments of the last hour's registrations from an address."""
    moment = intentos.c.momento
    return list(
        connection.execute(
            select(moment)
            .where(moment > now - HOUR, intentos.c.direccion == address, intentos.c.cuenta.is_(None))
            .order_by(moment)
        ).scalars()
    )
