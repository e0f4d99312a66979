"""Which programs have fetched the published keys."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jwks_fetches",
        sa.Column("consumer", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("newest_kid", sa.String(length=43), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "address", name="pk_jwks_fetches"),
    )
    op.create_index("ix_jwks_fetches_last_at", "jwks_fetches", ["last_at"])


def downgrade() -> None:
    op.drop_table("jwks_fetches")
