"""The catalogue's tables, as the newest revision under migrations/ leaves them."""

from sqlalchemy import Column, LargeBinary, MetaData, Table, Text

from services.common.database import Integer64

metadata = MetaData()

# nombre_plegado and texto_plegado (category and description) hold model.fold() of what they are named after: the search
# reads them, and the order by name. creador_id, clave and huella remember the Idempotency-Key that made the row.
productos = Table(
    "productos",
    metadata,
    Column("id", Integer64, primary_key=True),
    Column("nombre", Text, nullable=False),
    Column("nombre_plegado", Text, nullable=False),
    Column("texto_plegado", Text, nullable=False),
    Column("precio", Integer64),
    Column("precio_original", Text),
    Column("descripcion", Text, nullable=False),
    Column("stock", Integer64),
    Column("categoria", Text),
    Column("imagen", Text),
    Column("imagen_alt", Text, nullable=False),
    Column("activo", Integer64, nullable=False),
    Column("version", Integer64, nullable=False),
    Column("creado_en", Integer64),
    Column("creador_id", Integer64),
    Column("clave", Text),
    Column("huella", Text),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

# One row. Triggers on productos raise it, so that a write by any process is seen (prepared.py).
catalogo = Table("catalogo", metadata, Column("version", Integer64, nullable=False), sqlite_strict=True)

# Every change of stock that is no reservation: stock + held reservations = the sum of this ledger.
movimientos = Table(
    "movimientos",
    metadata,
    Column("id", Integer64, primary_key=True),
    Column("producto_id", Integer64, nullable=False),
    Column("cantidad", Integer64, nullable=False),
    Column("motivo", Text, nullable=False),
    Column("usuario_id", Integer64),
    Column("creado_en", Integer64, nullable=False),
    sqlite_strict=True,
)

reservas = Table(
    "reservas",
    metadata,
    Column("id", Text, primary_key=True),
    Column("estado", Text, nullable=False),
    Column("producto_id", Integer64),
    Column("cantidad", Integer64),
    Column("nombre", Text),
    Column("precio", Integer64),
    Column("moneda", Text),
    Column("contada", Integer64, nullable=False),
    Column("creado_en", Integer64, nullable=False),
    sqlite_strict=True,
)

# A picture by the hash of what was uploaded; ancho and alto are those of its largest file.
imagenes = Table(
    "imagenes",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("ancho", Integer64, nullable=False),
    Column("alto", Integer64, nullable=False),
    sqlite_strict=True,
)

imagenes_archivos = Table(
    "imagenes_archivos",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("ancho", Integer64, primary_key=True, autoincrement=False),
    Column("formato", Text, primary_key=True),
    Column("datos", LargeBinary, nullable=False),
    sqlite_strict=True,
)
