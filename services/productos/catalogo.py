"""What may be done with products; each operation is one transaction."""

import hashlib
import time
from typing import Any

import msgspec
from msgspec import UNSET

from services.common.database import Database
from services.common.errors import ApiError
from services.common.tokens import Caller
from services.productos import store
from services.productos.model import AJUSTE, INICIAL, Producto, manages, may_add
from services.productos.schema import Cambios, NuevoProducto


class Catalogo:
    """The products of one shop."""

    def __init__(self, database: Database, open_catalogue: bool) -> None:
        self._database = database
        self._open = open_catalogue
        self._glance = database.glance(store.ONE_AT_A_GLANCE)

    def glance(self, producto_id: int) -> Producto | None:
        """What find gives, sooner; None where find must be asked."""
        row = self._glance.row(producto_id)
        return Producto(*row) if row else None

    def find(self, producto_id: int) -> Producto:
        """A product, withdrawn or not; raise 404."""
        with self._database.read() as connection:
            producto = store.by_id(connection, producto_id)
        if producto is None:
            raise ApiError(404, "El producto no existe")
        return producto

    def add(self, caller: Caller, new: NuevoProducto, clave: str | None) -> tuple[int, bool]:
        """The id of the product, and whether an earlier call with the same key had added it.

        Raise 403, or 422 clave_reutilizada where the key came with another body.
        """
        if not may_add(caller, self._open):
            raise ApiError(403)
        huella = hashlib.sha256(msgspec.json.encode(new, enc_hook=int)).hexdigest()
        with self._database.write() as connection:
            earlier = store.by_key(connection, caller.usuario_id, clave) if clave else None
            producto_id = None if earlier else store.add(connection, _row(caller, new, clave, huella))
            if producto_id is not None:
                if new.stock is not None:
                    store.record_movement(connection, producto_id, new.stock, INICIAL, caller.usuario_id)
                return producto_id, False
            earlier = earlier or store.by_key(connection, caller.usuario_id, clave or "")
        assert earlier is not None  # noqa: S101 - its key is what refused the row
        if earlier[1] != huella:
            raise ApiError(422, "La clave ya se usó con otro contenido", "clave_reutilizada")
        return earlier[0], True

    def edit(self, caller: Caller, producto_id: int, changes: Cambios, versions: "Versions") -> Producto:
        """The product as it stands after the changes; raise 403, 404, 428 without a version, 412 with a wrong one."""
        if not manages(caller):
            raise ApiError(403)
        values = {name: getattr(changes, name) for name in changes.__struct_fields__}
        values = {name: value for name, value in values.items() if value is not UNSET}
        return self._edit(caller, producto_id, values, versions)

    def withdraw(self, caller: Caller, producto_id: int, versions: "Versions") -> Producto:
        """Take a product off the list; its orders and its reservations stay. Raises what edit does."""
        if not manages(caller):
            raise ApiError(403)
        return self._edit(caller, producto_id, {"activo": 0}, versions)

    def _edit(
        self, caller: Caller, producto_id: int, values: dict[str, Any], versions: "Versions"
    ) -> Producto:
        with self._database.write() as connection:
            before = store.by_id(connection, producto_id, lock=True)
            if before is None:
                raise ApiError(404, "El producto no existe")
            versions.check(before.version)
            if "activo" in values:
                values["activo"] = int(values["activo"])
            if "precio" in values:
                values |= {"precio": int(values["precio"]), "precio_original": None}
            store.edit(connection, before, values)
            if "stock" in values and values["stock"] != before.stock:
                change = (values["stock"] or 0) - (before.stock or 0)
                store.record_movement(connection, producto_id, change, AJUSTE, caller.usuario_id)
            after = store.by_id(connection, producto_id)
        assert after is not None  # noqa: S101 - products are never deleted
        return after


class Versions:
    """The versions that a call's If-Match names."""

    def __init__(self, header: str | None) -> None:
        self._header = header

    @property
    def given(self) -> bool:
        return self._header is not None

    def check(self, version: int) -> None:
        """Raise 428 where none is named, 412 where ``version`` is not among them."""
        if self._header is None:
            raise ApiError(428, "Falta If-Match con la versión que se quiere cambiar")
        tags = [tag.strip().removeprefix("W/") for tag in self._header.split(",")]
        if "*" not in tags and etag(version) not in tags:
            raise ApiError(412, "El producto cambió mientras tanto; vuelve a leerlo")


def etag(version: int) -> str:
    """The version of a product as HTTP writes it. It counts edits, not sales."""
    return f'"{version}"'


def _row(caller: Caller, new: NuevoProducto, clave: str | None, huella: str) -> dict[str, Any]:
    return {
        "nombre": new.nombre,
        "precio": int(new.precio),
        "descripcion": new.descripcion or "",
        "stock": new.stock,
        "categoria": new.categoria,
        "creado_en": int(time.time() * 1000),
        "creador_id": caller.usuario_id,
        "clave": clave,
        "huella": huella if clave else None,
    }
