"""How much of each limit on attempts is used."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("free_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "subject", name="pk_attempts"),
    )
    op.create_index("ix_attempts_free_at_ms", "attempts", ["free_at_ms"])


def downgrade() -> None:
    op.drop_table("attempts")
