"""Indexes for statements that read more rows the more accounts there are."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_users_unverified": ("users", ["created_at"], "email_verified_at IS NULL"),
    "ix_refresh_tokens_rotated_at": ("refresh_tokens", ["rotated_at"], None),
    "ix_tokens_revoked_at": ("tokens", ["revoked_at"], "revoked_at IS NOT NULL"),
    "ix_outbox_messages_unsent": ("outbox_messages", ["expires_at"], "sent_at IS NULL"),
    "ix_audit_entries_action_sequence": ("audit_entries", ["action", "sequence"], None),
}
_REPLACED = "ix_outbox_messages_sent_at_dead_at_due_at"
_BYTES = "ix_users_email_key_bytes"


def upgrade() -> None:
    indexes = _indexes()
    # PostgreSQL builds them while requests write to the tables, which no transaction can do.
    with op.get_context().autocommit_block():
        for name, (table, columns, condition) in indexes.items():
            where = sa.text(condition) if condition else None
            # One that was interrupted left an invalid index.
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name,
                table,
                columns,
                sqlite_where=where,
                postgresql_where=where,
                postgresql_concurrently=True,
            )
        op.drop_index(_REPLACED, "outbox_messages", if_exists=True, postgresql_concurrently=True)


def downgrade() -> None:
    op.create_index(_REPLACED, "outbox_messages", ["sent_at", "dead_at", "due_at"])
    for name, (table, _, _) in _indexes().items():
        op.drop_index(name, table)


def _indexes():
    # SQLite sorts by bytes anyway.
    is_sqlite = op.get_context().dialect.name == "sqlite"
    key = "email_key" if is_sqlite else sa.text('email_key COLLATE "C"')
    return {**_INDEXES, _BYTES: ("users", [key, "id"], None)}
