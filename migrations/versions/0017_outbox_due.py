"""An index to find the next message in a long backlog."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WAITS = sa.text("sent_at IS NULL AND dead_at IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_outbox_messages_due",
        "outbox_messages",
        ["due_at"],
        sqlite_where=WAITS,
        postgresql_where=WAITS,
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_messages_due", "outbox_messages")
