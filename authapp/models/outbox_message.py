"""Emails, text messages and webhooks to deliver, written in the transaction that they report."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id

_IS_UNSENT = text("sent_at IS NULL")
_WAITS = text("sent_at IS NULL AND dead_at IS NULL")
_WAITS_FOR_PEOPLE = text(f"{_WAITS} AND channel != 'webhook'")
_WAITS_FOR_PROGRAMS = text(f"{_WAITS} AND channel = 'webhook'")


class Channel(StrEnum):
    """How a message is delivered."""

    MAIL = "mail"
    SMS = "sms"
    WEBHOOK = "webhook"


class OutboxMessage(Base):
    """One message, ready to send.

    The recipient of a webhook is the id of its endpoint. The worker that sends a message has
    claimed it until `claimed_until`. After `expires_at` it is no longer useful. Its content is
    sealed (see `authapp.delivery.sealing`), because it has links and codes, and is erased once it
    is sent or expired.
    """

    __tablename__ = "outbox_messages"
    __table_args__ = (
        Index(
            "ix_outbox_messages_unsent",
            "expires_at",
            sqlite_where=_IS_UNSENT,
            postgresql_where=_IS_UNSENT,
        ),
        # An endpoint that is down has a backlog, which emails must not be sought in.
        Index(
            "ix_outbox_messages_people_due",
            "due_at",
            sqlite_where=_WAITS_FOR_PEOPLE,
            postgresql_where=_WAITS_FOR_PEOPLE,
        ),
        Index(
            "ix_outbox_messages_webhooks_due",
            "recipient",
            "due_at",
            sqlite_where=_WAITS_FOR_PROGRAMS,
            postgresql_where=_WAITS_FOR_PROGRAMS,
        ),
        Index(
            "ix_outbox_messages_waiting",
            "user_id",
            "channel",
            "created_at",
            sqlite_where=_WAITS,
            postgresql_where=_WAITS,
        ),
    )

    id: Mapped[Id]
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    channel: Mapped[str] = mapped_column(String(10))
    recipient: Mapped[str] = mapped_column(String(320))
    message: Mapped[str] = mapped_column(String(60))
    content_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    due_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    claimed_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(255))
    sent_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
