"""Messages are sealed: the links and codes in them must not be readable in the database."""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

from authapp.delivery.sealing import Content, open_message, seal
from authapp.models import OutboxMessage
from authapp.security.sealing import SealBroken

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

MESSAGES = sa.table(
    "outbox_messages",
    sa.column("id", sa.Uuid()),
    sa.column("channel", sa.String()),
    sa.column("recipient", sa.String()),
    sa.column("subject", sa.String()),
    sa.column("body", sa.Text()),
    sa.column("html", sa.Text()),
    sa.column("content_sealed", sa.LargeBinary()),
)


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        # Otherwise the file keeps the content of deleted rows.
        op.execute("PRAGMA secure_delete = ON")
    op.add_column("outbox_messages", sa.Column("content_sealed", sa.LargeBinary()))
    # As SQL, messages cannot be sealed: those that are waiting will be listed as dead.
    if not context.is_offline_mode():
        for row in _rows(MESSAGES.c.body != ""):
            content = Content(subject=row.subject, body=row.body, html=row.html)
            message = _message(row)
            seal(message, content)
            _update(row.id, content_sealed=message.content_sealed)
    with op.batch_alter_table("outbox_messages") as table:
        for name in ("subject", "body", "html"):
            table.drop_column(name)


def downgrade() -> None:
    op.add_column("outbox_messages", sa.Column("subject", sa.String(255), server_default=""))
    op.add_column("outbox_messages", sa.Column("body", sa.Text(), server_default=""))
    op.add_column("outbox_messages", sa.Column("html", sa.Text()))
    if not context.is_offline_mode():
        for row in _rows(MESSAGES.c.content_sealed.is_not(None)):
            try:
                opened = open_message(_message(row))
            except SealBroken:
                continue
            _update(row.id, subject=opened.subject, body=opened.body, html=opened.html)
    with op.batch_alter_table("outbox_messages") as table:
        table.alter_column(
            "subject", existing_type=sa.String(255), server_default=None, nullable=False
        )
        table.alter_column("body", existing_type=sa.Text(), server_default=None, nullable=False)
        table.drop_column("content_sealed")


def _rows(condition: Any) -> list[Any]:
    return list(op.get_bind().execute(sa.select(MESSAGES).where(condition)))


def _message(row: Any) -> OutboxMessage:
    return OutboxMessage(
        id=row.id,
        channel=row.channel,
        recipient=row.recipient,
        content_sealed=getattr(row, "content_sealed", None),
    )


def _update(id: Any, **values: Any) -> None:
    op.get_bind().execute(MESSAGES.update().where(MESSAGES.c.id == id).values(**values))
