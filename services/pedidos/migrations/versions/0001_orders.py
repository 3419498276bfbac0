"""Orders with the ordering protocol's own columns, and the names that a search reads."""

import sqlalchemy as sa
from alembic import op

from services.common.database import Integer64

revision = "0001"
down_revision = None

VISIBLE = sa.text("fase IN ('confirmado', 'devolviendo', 'devuelto')")
UNFINISHED = sa.text("fase IN ('intento', 'abortando', 'devolviendo')")
WITHOUT_ORDER = sa.text("fase IN ('rechazado', 'abortado')")
WITH_KEY = sa.text("clave IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "pedidos",
        sa.Column("id", Integer64, primary_key=True),
        sa.Column("usuario_id", Integer64),
        sa.Column("producto_id", Integer64),
        sa.Column("cantidad", Integer64),
        sa.Column("estado", sa.Text, nullable=False),
        sa.Column("estado_original", sa.Text),
        sa.Column("original", sa.Text),
        sa.Column("nombre", sa.Text),
        sa.Column("precio_unitario", Integer64),
        sa.Column("total", Integer64),
        sa.Column("moneda", sa.Text),
        sa.Column("compra_id", sa.Text),
        sa.Column("creado_en", Integer64),
        sa.Column("enviado_en", Integer64),
        sa.Column("entregado_en", Integer64),
        sa.Column("cancelado_en", Integer64),
        sa.Column("version", Integer64, nullable=False),
        sa.Column("clave", sa.Text),
        sa.Column("huella", sa.Text),
        sa.Column("fase", sa.Text, nullable=False),
        sa.Column("intento_n", Integer64, nullable=False),
        sa.Column("reserva_id", sa.Text),
        sa.Column("plazo", Integer64),
        sa.CheckConstraint(
            "estado IN ('pendiente', 'enviado', 'entregado', 'cancelado', 'desconocido')",
            name="estado_conocido",
        ),
        sa.CheckConstraint(
            "fase IN ('intento', 'confirmado', 'rechazado', 'abortando', 'abortado', 'devolviendo', 'devuelto')",
            name="fase_conocida",
        ),
        sa.CheckConstraint("total = precio_unitario * cantidad", name="total_exacto"),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_table(
        "nombres",
        sa.Column("nombre", sa.Text, primary_key=True),
        sa.Column("plegado", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    partial_index("pedidos_clave", ["usuario_id", "clave"], WITH_KEY, unique=True)
    partial_index("pedidos_usuario", ["usuario_id", "id"], VISIBLE)
    partial_index("pedidos_estado", ["estado", "id"], VISIBLE)
    partial_index("pedidos_nombre", ["nombre", "estado", "id"], VISIBLE)
    partial_index("pedidos_sin_terminar", ["id"], UNFINISHED)
    partial_index("pedidos_sin_pedido", ["creado_en"], WITHOUT_ORDER)


def partial_index(name: str, columns: list[str], condition: sa.TextClause, unique: bool = False) -> None:
    op.create_index(
        name, "pedidos", columns, unique=unique, sqlite_where=condition, postgresql_where=condition
    )
