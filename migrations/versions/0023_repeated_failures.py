"""Repeated failures share one event, and owners are told of blocked sign-ins."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("activity_events") as table:
        table.add_column(sa.Column("times", sa.Integer(), nullable=False, server_default="1"))
    with op.batch_alter_table("activity_events") as table:
        table.alter_column("times", server_default=None)
    op.create_table(
        "sign_in_blocks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=400), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_blocks"),
    )
    op.create_index("ix_sign_in_blocks_created_at", "sign_in_blocks", ["created_at"])


def downgrade() -> None:
    op.drop_table("sign_in_blocks")
    with op.batch_alter_table("activity_events") as table:
        table.drop_column("times")
