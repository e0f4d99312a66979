"""Messages for the delivery tests."""

from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from authapp.delivery import outbox
from authapp.delivery.deliver import Outcome, deliver_due
from authapp.delivery.sender import open_senders
from authapp.models import OutboxMessage, db


def add(lifetime: timedelta = outbox.LIFETIME, **fields: Any) -> OutboxMessage:
    """Add a mail to the outbox and commit it."""
    message = OutboxMessage(
        **{
            "channel": "mail",
            "recipient": "somebody@example.org",
            "message": "test",
            "subject": "Hello",
            "body": "Hello.",
            "html": "<p>Hello.</p>",
            **fields,
        }
    )
    outbox.add(message, lifetime)
    db.session.commit()
    return message


def deliver() -> Counter[Outcome]:
    """Deliver the messages that are due now, like one round of a worker."""
    with open_senders() as send:
        return Counter(deliver_due(send))


def stored(message: OutboxMessage) -> OutboxMessage:
    """Return a message as stored in the database."""
    found = select(OutboxMessage).where(OutboxMessage.id == message.id)
    return db.session.scalars(found, execution_options={"populate_existing": True}).one()
