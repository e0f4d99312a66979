"""The token cache's journal, epoch and counters."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cache_journal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cache_journal"),
    )
    op.create_table(
        "cache_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("servers", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cache_state"),
    )
    op.execute("INSERT INTO cache_state (id, epoch, servers) VALUES (1, 1, '')")
    op.create_table(
        "cache_counters",
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event", "kind", name="pk_cache_counters"),
    )


def downgrade() -> None:
    op.drop_table("cache_counters")
    op.drop_table("cache_state")
    op.drop_table("cache_journal")
