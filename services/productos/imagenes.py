"""The pictures of products, kept in the database so that several processes serve them."""

from sqlalchemy import Connection, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from services.common.database import Database
from services.common.errors import ApiError
from services.productos import store
from services.productos.catalogo import Versions
from services.productos.model import Producto
from services.productos.pictures import Picture
from services.productos.tables import imagenes, imagenes_archivos, productos


class Imagenes:
    """The pictures of one catalogue. Whoever calls to change one has been found to be an administrator."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def file(self, picture: str, width: int, formato: str) -> bytes:
        """The file for a width: a picture narrower than it answers with its largest; raise 404."""
        statement = (
            select(imagenes_archivos.c.datos)
            .where(
                imagenes_archivos.c.hash == picture,
                imagenes_archivos.c.formato == formato,
                imagenes_archivos.c.ancho <= width,
            )
            .order_by(imagenes_archivos.c.ancho.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            datos = connection.execute(statement).scalar_one_or_none()
        if datos is None:
            raise ApiError(404)
        return bytes(datos)

    def put(self, producto_id: int, picture: Picture, alt: str, versions: Versions) -> Producto:
        """The product with its new picture; raise 404, 412."""
        with self._database.write() as connection:
            before = self._locked(connection, producto_id, versions)
            store_picture(connection, picture)
            return _change(connection, before, picture.hash, alt)

    def remove(self, producto_id: int, versions: Versions) -> Producto:
        """The product without a picture; raise 404, 412."""
        with self._database.write() as connection:
            before = self._locked(connection, producto_id, versions)
            return before if before.imagen is None else _change(connection, before, None, "")

    def _locked(self, connection: Connection, producto_id: int, versions: Versions) -> Producto:
        before = store.by_id(connection, producto_id, lock=True)
        if before is None:
            raise ApiError(404, "El producto no existe")
        if versions.given:
            versions.check(before.version)
        return before


def store_picture(connection: Connection, picture: Picture) -> None:
    """Store a picture, or hold on to it where it is stored already: what is held is not removed by another transaction."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"hash": picture.hash, "ancho": picture.ancho, "alto": picture.alto}
    connection.execute(
        insert(imagenes)
        .values(row)
        .on_conflict_do_update(index_elements=["hash"], set_={"ancho": picture.ancho})
    )
    rows = [
        {"hash": picture.hash, "ancho": file.ancho, "formato": file.formato, "datos": file.datos}
        for file in picture.files
    ]
    connection.execute(insert(imagenes_archivos).on_conflict_do_nothing(), rows)


def _change(connection: Connection, before: Producto, picture: str | None, alt: str) -> Producto:
    store.edit(connection, before, {"imagen": picture, "imagen_alt": alt})
    if before.imagen is not None and before.imagen != picture:
        _remove_unused(connection, before.imagen)
    after = store.by_id(connection, before.id)
    assert after is not None  # noqa: S101 - products are never deleted
    return after


def _remove_unused(connection: Connection, picture: str) -> None:
    """Locked first: only then is it certain that no other transaction is giving it to a product."""
    connection.execute(select(imagenes.c.hash).where(imagenes.c.hash == picture).with_for_update())
    used = exists().where(productos.c.imagen == imagenes.c.hash)
    connection.execute(delete(imagenes).where(imagenes.c.hash == picture, ~used))
