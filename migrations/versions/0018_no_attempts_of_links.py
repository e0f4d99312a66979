"""Guesses at codes are counted by the limits on attempts, not on each link."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("verification_tokens") as table:
        table.drop_column("attempts")


def downgrade() -> None:
    with op.batch_alter_table("verification_tokens") as table:
        table.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
        table.alter_column("attempts", server_default=None)
