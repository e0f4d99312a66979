"""Roles of accounts, copied into their sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("users", "refresh_tokens"):
        # The running release inserts rows without it.
        op.add_column(table, sa.Column("roles", sa.String(255), nullable=False, server_default=""))
    op.create_index(
        "ix_users_with_roles",
        "users",
        ["id"],
        sqlite_where=sa.text("roles <> ''"),
        postgresql_where=sa.text("roles <> ''"),
    )


def downgrade() -> None:
    op.drop_index("ix_users_with_roles", "users")
    for table in ("refresh_tokens", "users"):
        op.drop_column(table, "roles")
