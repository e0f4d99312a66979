"""Accounts that are frozen until their owner chooses a new password."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("frozen_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("users", "frozen_at")
