"""Messages expire, and are claimed by the worker that sends them."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

WAITS = sa.text("sent_at IS NULL AND dead_at IS NULL")


def upgrade() -> None:
    op.add_column("outbox_messages", sa.Column("claimed_until", sa.DateTime(timezone=True)))
    op.add_column("outbox_messages", sa.Column("expires_at", sa.DateTime(timezone=True)))
    # Existing messages have no expiry: they get the default lifetime of a new message.
    messages = sa.table("outbox_messages", sa.column("expires_at", sa.DateTime(timezone=True)))
    op.execute(messages.update().values(expires_at=datetime.now(UTC) + timedelta(days=7)))
    with op.batch_alter_table("outbox_messages") as table:
        table.alter_column("expires_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    op.create_index("ix_outbox_messages_expires_at", "outbox_messages", ["expires_at"])
    op.create_index("ix_outbox_messages_user_id", "outbox_messages", ["user_id"])
    op.create_index(
        "ix_outbox_messages_waiting",
        "outbox_messages",
        ["user_id", "channel", "created_at"],
        sqlite_where=WAITS,
        postgresql_where=WAITS,
    )


def downgrade() -> None:
    for name in ("waiting", "user_id", "expires_at"):
        op.drop_index(f"ix_outbox_messages_{name}", "outbox_messages")
    with op.batch_alter_table("outbox_messages") as table:
        table.drop_column("expires_at")
        table.drop_column("claimed_until")
