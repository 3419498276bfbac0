"""Products with what searches them, the ledger of stock, reservations, and pictures."""

import sqlalchemy as sa
from alembic import op

from services.common.database import Integer64

revision = "0001"
down_revision = None

# The same order on both databases, whatever language the PostgreSQL cluster speaks.
BY_CODE_POINT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _pictures()
    _products()
    _stock()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_search()
    else:
        _postgresql_search()


def _pictures() -> None:
    op.create_table(
        "imagenes",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("ancho", Integer64, nullable=False),
        sa.Column("alto", Integer64, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "imagenes_archivos",
        sa.Column("hash", sa.Text, sa.ForeignKey("imagenes.hash", ondelete="CASCADE"), primary_key=True),
        sa.Column("ancho", Integer64, primary_key=True, autoincrement=False),
        sa.Column("formato", sa.Text, primary_key=True),
        sa.Column("datos", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )


def _products() -> None:
    op.create_table(
        "productos",
        sa.Column("id", Integer64, primary_key=True),
        sa.Column("nombre", sa.Text, nullable=False),
        sa.Column("nombre_plegado", BY_CODE_POINT, nullable=False),
        sa.Column("texto_plegado", sa.Text, nullable=False),
        sa.Column("precio", Integer64),
        sa.Column("precio_original", sa.Text),
        sa.Column("descripcion", sa.Text, nullable=False, server_default=""),
        sa.Column("stock", Integer64),
        sa.Column("categoria", sa.Text),
        sa.Column("imagen", sa.Text, sa.ForeignKey("imagenes.hash")),
        sa.Column("imagen_alt", sa.Text, nullable=False, server_default=""),
        sa.Column("activo", Integer64, nullable=False, server_default="1"),
        sa.Column("version", Integer64, nullable=False, server_default="1"),
        sa.Column("creado_en", Integer64),
        sa.Column("creador_id", Integer64),
        sa.Column("clave", sa.Text),
        sa.Column("huella", sa.Text),
        sa.CheckConstraint("stock >= 0", name="productos_stock"),
        sa.CheckConstraint("activo IN (0, 1)", name="productos_activo"),
        sa.UniqueConstraint("creador_id", "clave", name="productos_clave"),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_index("productos_imagen", "productos", ["imagen"])
    version = op.create_table("catalogo", sa.Column("version", Integer64, nullable=False), sqlite_strict=True)
    op.execute(version.insert().values(version=0))


def _stock() -> None:
    op.create_table(
        "movimientos",
        sa.Column("id", Integer64, primary_key=True),
        sa.Column("producto_id", Integer64, sa.ForeignKey("productos.id"), nullable=False),
        sa.Column("cantidad", Integer64, nullable=False),
        sa.Column("motivo", sa.Text, nullable=False),
        sa.Column("usuario_id", Integer64),
        sa.Column("creado_en", Integer64, nullable=False),
        sa.CheckConstraint("motivo IN ('inicial', 'ajuste', 'sin_cuenta')", name="movimientos_motivo"),
        sqlite_strict=True,
    )
    op.create_index("movimientos_producto", "movimientos", ["producto_id"])
    op.create_table(
        "reservas",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("estado", sa.Text, nullable=False),
        sa.Column("producto_id", Integer64, sa.ForeignKey("productos.id")),
        sa.Column("cantidad", Integer64),
        sa.Column("nombre", sa.Text),
        sa.Column("precio", Integer64),
        sa.Column("moneda", sa.Text),
        sa.Column("contada", Integer64, nullable=False),
        sa.Column("creado_en", Integer64, nullable=False),
        sa.CheckConstraint("estado IN ('tomada', 'rechazada', 'cancelada')", name="reservas_estado"),
        sa.CheckConstraint("cantidad > 0", name="reservas_cantidad"),
        sa.CheckConstraint(
            "estado = 'cancelada' OR (producto_id IS NOT NULL AND cantidad IS NOT NULL)",
            name="reservas_completa",
        ),
        sa.CheckConstraint("contada IN (0, 1)", name="reservas_contada"),
        sqlite_strict=True,
    )
    op.create_index("reservas_producto", "reservas", ["producto_id"])


def _sqlite_search() -> None:
    raised = "UPDATE catalogo SET version = version + 1;"
    for happening in ("INSERT", "UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER productos_version_{happening.lower()} AFTER {happening} ON productos BEGIN {raised} END"
        )
    # Each index answers its order and every filter by itself: the long rows are read for one page only.
    filtered = ["activo", "precio", "categoria", "stock"]
    op.create_index("productos_lista", "productos", ["id", *filtered])
    op.create_index("productos_nombre", "productos", ["nombre_plegado", "id", *filtered])
    op.create_index("productos_precio", "productos", ["precio", "id", "activo", "categoria", "stock"])
    op.create_index("productos_categoria", "productos", ["categoria", "activo", "id", "precio", "stock"])
    # The words are folded already: the tokenizer only has to split them at spaces.
    op.execute(
        "CREATE VIRTUAL TABLE productos_busqueda USING fts5(nombre_plegado, texto_plegado,"
        " content = 'productos', content_rowid = 'id', tokenize = 'ascii', prefix = '1 2 3', detail = 'column')"
    )
    add = (
        "INSERT INTO productos_busqueda(rowid, nombre_plegado, texto_plegado)"
        " VALUES (new.id, new.nombre_plegado, new.texto_plegado);"
    )
    remove = (
        "INSERT INTO productos_busqueda(productos_busqueda, rowid, nombre_plegado, texto_plegado)"
        " VALUES ('delete', old.id, old.nombre_plegado, old.texto_plegado);"
    )
    op.execute(f"CREATE TRIGGER productos_busqueda_insert AFTER INSERT ON productos BEGIN {add} END")
    op.execute(f"CREATE TRIGGER productos_busqueda_delete AFTER DELETE ON productos BEGIN {remove} END")
    op.execute(
        "CREATE TRIGGER productos_busqueda_update AFTER UPDATE OF nombre_plegado, texto_plegado ON productos"
        f" BEGIN {remove} {add} END"
    )


def _postgresql_search() -> None:
    op.execute(
        "CREATE FUNCTION raise_version() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN UPDATE catalogo SET version = version + 1; RETURN NULL; END'"
    )
    op.execute(
        "CREATE TRIGGER productos_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON productos"
        " FOR EACH STATEMENT EXECUTE FUNCTION raise_version()"
    )
    # No index holds the stock: a sale then changes no index.
    op.create_index("productos_nombre", "productos", ["nombre_plegado", "id"])
    op.create_index("productos_precio", "productos", ["precio", "id"])
    op.create_index(
        "productos_precio_baja", "productos", [sa.text("precio DESC NULLS LAST"), sa.text("id DESC")]
    )
    op.create_index("productos_categoria", "productos", ["categoria", "activo", "id"])
    # The words are folded already: no parser and no dictionary, the same words as on SQLite.
    for column, words in (
        ("nombre_palabras", "nombre_plegado"),
        ("palabras", "nombre_plegado || ' ' || texto_plegado"),
    ):
        op.execute(
            f"ALTER TABLE productos ADD COLUMN {column} tsvector"
            f" GENERATED ALWAYS AS (array_to_tsvector(string_to_array(trim({words}), ' '))) STORED"
        )
        op.execute(f"CREATE INDEX productos_{column} ON productos USING gin ({column})")
