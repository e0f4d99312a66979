"""Rows that ended recently, so that no older copy of them in Redis is trusted."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cache_tombstones",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cache_tombstones"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cache_tombstones_expires_at", "cache_tombstones", ["expires_at"])


def downgrade() -> None:
    op.drop_table("cache_tombstones")
