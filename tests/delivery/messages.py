"""Messages for the tests of what is done with them."""

from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from authapp.delivery import outbox
from authapp.delivery.deliver import Outcome, deliver_due
from authapp.delivery.sender import open_senders
from authapp.models import OutboxMessage, db


def add(lifetime: timedelta = outbox.LIFETIME, **fields: Any) -> OutboxMessage:
    """Put a mail into the outbox, and commit it."""
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
    """Deliver what is due now, as a worker's round does."""
    with open_senders() as send:
        return Counter(deliver_due(send))


def stored(message: OutboxMessage) -> OutboxMessage:
    """Return a message as the database has it."""
    found = select(OutboxMessage).where(OutboxMessage.id == message.id)
    return db.session.scalars(found, execution_options={"populate_existing": True}).one()
