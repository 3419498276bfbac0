"""Accounts, the counter of their ids, and the tries that limits count."""

import sqlalchemy as sa
from alembic import op

from services.common.database import Integer64

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "usuarios",
        sa.Column("id", Integer64, primary_key=True, autoincrement=False),
        sa.Column("nombre", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False, unique=True),
        sa.Column("email_clave", sa.Text, unique=True),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("rol", sa.Text, nullable=False),
        sa.Column("creado_en", Integer64),
        sa.Column("valido_desde", Integer64, nullable=False),
        sqlite_strict=True,
    )
    counter = op.create_table(
        "contador",
        sa.Column("id", Integer64, primary_key=True, autoincrement=False),
        sa.Column("ultimo", Integer64, nullable=False),
        sqlite_strict=True,
    )
    op.execute(counter.insert().values(id=1, ultimo=0))
    op.create_table(
        "intentos",
        sa.Column("momento", Integer64, nullable=False),
        sa.Column("direccion", sa.Text, nullable=False),
        sa.Column("cuenta", sa.Text),
        sqlite_strict=True,
    )
    op.create_index("intentos_direccion", "intentos", ["direccion", "momento"])
    op.create_index("intentos_cuenta", "intentos", ["cuenta", "momento"])
    op.create_index("intentos_momento", "intentos", ["momento"])
