"""The last use of API tokens, in a table of its own, and which token replaced another."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokens", sa.Column("replaced_by", sa.Uuid()))
    # These columns were never written.
    op.drop_column("tokens", "last_used_at")
    op.drop_column("tokens", "last_used_address")
    op.create_table(
        "token_uses",
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_address", sa.String(length=45), nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"], ["tokens.id"], name="fk_token_uses_token_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_id", name="pk_token_uses"),
    )


def downgrade() -> None:
    op.drop_table("token_uses")
    op.add_column("tokens", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    op.add_column("tokens", sa.Column("last_used_address", sa.String(length=45)))
    op.drop_column("tokens", "replaced_by")
