"""The catalogue's version, which triggers raise within the transaction of each write to products."""

from sqlalchemy import Connection, select

from services.common.database import Database
from services.productos.tables import catalogo


class CatalogueVersion:
    """The version as of the last commit by any process; it is read with every list."""

    def __init__(self, database: Database) -> None:
        self._glance = database.glance("SELECT version FROM catalogo")

    def read(self) -> int | None:
        """None where it could not be read at a glance."""
        row = self._glance.row()
        return None if row is None else row[0]


def version_within(connection: Connection) -> int:
    """The version as the connection's transaction sees it."""
    version: int = connection.execute(select(catalogo.c.version)).scalar_one()
    return version
