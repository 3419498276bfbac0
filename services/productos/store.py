"""Every statement over products and the ledger of their stock."""

import time
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.productos.model import Producto, fold
from services.productos.tables import imagenes, movimientos, productos

SIZES = {"imagen_ancho": imagenes.c.ancho, "imagen_alto": imagenes.c.alto}
FIELDS = [SIZES[name] if name in SIZES else productos.c[name] for name in Producto.__dataclass_fields__]
WITH_PICTURES = productos.outerjoin(imagenes, productos.c.imagen == imagenes.c.hash)


def products() -> Select[Any]:
    """A statement whose rows are Producto's fields."""
    return select(*FIELDS).select_from(WITH_PICTURES)


# Built once: building a statement costs more than running it.
ONE = products().where(productos.c.id == bindparam("producto"))
ONE_AT_A_GLANCE = str(ONE.compile(dialect=sqlite.dialect()))


def by_id(connection: Connection, producto_id: int, *, lock: bool = False) -> Producto | None:
    statement = ONE.with_for_update(of=productos, key_share=True) if lock else ONE
    row = connection.execute(statement, {"producto": producto_id}).one_or_none()
    return Producto(*row) if row else None


def by_key(connection: Connection, creador_id: int, clave: str) -> tuple[int, str] | None:
    """The product that an Idempotency-Key made, and the fingerprint of the body it came with."""
    statement = select(productos.c.id, productos.c.huella).where(
        productos.c.creador_id == creador_id, productos.c.clave == clave
    )
    row = connection.execute(statement).one_or_none()
    return (row.id, row.huella) if row else None


def add(connection: Connection, values: dict[str, Any]) -> int | None:
    """The new product's id; None where its key was used by another transaction meanwhile."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    complete = {"imagen_alt": "", "activo": 1, "version": 1, **values}
    statement = (
        insert(productos)
        .values({**complete, **folded(complete["nombre"], complete["categoria"], complete["descripcion"])})
        .on_conflict_do_nothing(index_elements=["creador_id", "clave"])
        .returning(productos.c.id)
    )
    return connection.execute(statement).scalar_one_or_none()


def folded(nombre: str, categoria: str | None, descripcion: str) -> dict[str, str]:
    """The columns that are searched in."""
    return {"nombre_plegado": fold(nombre), "texto_plegado": fold(f"{categoria or ''} {descripcion}")}


def edit(connection: Connection, before: Producto, values: dict[str, Any]) -> None:
    """Change ``before``, which this transaction has locked; its version rises."""
    after = {name: values.get(name, getattr(before, name)) for name in ("nombre", "categoria", "descripcion")}
    statement = (
        update(productos)
        .where(productos.c.id == before.id)
        .values({**values, **folded(**after), "version": productos.c.version + 1})
    )
    connection.execute(statement)


def record_movement(
    connection: Connection, producto_id: int, cantidad: int, motivo: str, usuario_id: int | None
) -> None:
    """A change of stock that is no reservation."""
    connection.execute(
        movimientos.insert().values(
            producto_id=producto_id,
            cantidad=cantidad,
            motivo=motivo,
            usuario_id=usuario_id,
            creado_en=int(time.time() * 1000),
        )
    )
