"""Why an order was cancelled, where its buyer says so."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("pedidos", sa.Column("motivo", sa.Text))
