"""Accounts that will be deleted after a grace period."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("delete_at", sa.DateTime(timezone=True)))
    op.create_index("ix_users_delete_at", "users", ["delete_at"])


def downgrade() -> None:
    op.drop_index("ix_users_delete_at", "users")
    op.drop_column("users", "delete_at")
