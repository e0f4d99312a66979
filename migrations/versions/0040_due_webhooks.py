"""Pauses of endpoints, and indexes that keep webhooks out of the way of messages to people."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

_WAITS = "sent_at IS NULL AND dead_at IS NULL"
_INDEXES = {
    "ix_outbox_messages_people_due": (["due_at"], f"{_WAITS} AND channel != 'webhook'"),
    "ix_outbox_messages_webhooks_due": (
        ["recipient", "due_at"],
        f"{_WAITS} AND channel = 'webhook'",
    ),
}
_REPLACED = "ix_outbox_messages_due"


def upgrade() -> None:
    # PostgreSQL builds them while requests write to the table, which no transaction can do.
    with op.get_context().autocommit_block():
        for name, (columns, condition) in _INDEXES.items():
            # One that was interrupted left an invalid index.
            op.drop_index(name, "outbox_messages", if_exists=True, postgresql_concurrently=True)
            _create(name, columns, condition, postgresql_concurrently=True)
        op.drop_index(_REPLACED, "outbox_messages", if_exists=True, postgresql_concurrently=True)
    # Last, so that one that was interrupted can begin again.
    op.add_column("webhook_endpoints", sa.Column("paused_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    _create(_REPLACED, ["due_at"], _WAITS)
    for name in _INDEXES:
        op.drop_index(name, "outbox_messages")
    op.drop_column("webhook_endpoints", "paused_until")


def _create(name, columns, condition, **options):
    where = sa.text(condition)
    op.create_index(
        name, "outbox_messages", columns, sqlite_where=where, postgresql_where=where, **options
    )
