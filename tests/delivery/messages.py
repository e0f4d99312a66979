"""Messages for the delivery tests."""

from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import inspect, select

from authapp.delivery import outbox
from authapp.delivery.deliver import Outcome, deliver_due
from authapp.delivery.sealing import Content, OpenMessage, open_message
from authapp.delivery.sender import open_senders
from authapp.models import OutboxMessage, db


def add(
    lifetime: timedelta = outbox.LIFETIME,
    *,
    subject: str = "Hello",
    body: str = "Hello.",
    html: str | None = "<p>Hello.</p>",
    **fields: Any,
) -> OutboxMessage:
    """Add a mail to the outbox and commit it."""
    message = OutboxMessage(
        **{"channel": "mail", "recipient": "somebody@example.org", "message": "test", **fields}
    )
    outbox.add(message, Content(subject=subject, body=body, html=html), lifetime)
    db.session.commit()
    return message


def deliver() -> Counter[Outcome]:
    """Deliver the messages that are due now, like one round of a worker."""
    with open_senders() as send:
        return Counter(deliver_due(send))


def opened(message: OutboxMessage) -> OpenMessage:
    """Return a message as stored in the database, with its content."""
    return open_message(stored(message))


def stored(message: OutboxMessage) -> OutboxMessage:
    """Return a message as stored in the database, for any application."""
    (id,) = inspect(message).identity
    found = select(OutboxMessage).where(OutboxMessage.id == id)
    return db.session.scalars(found, execution_options={"populate_existing": True}).one()
