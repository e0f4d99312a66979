"""The outbox: messages wait here until a worker has delivered them, at least once each."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from authapp import clock
from authapp.models import OutboxMessage, db

TRIES: Final = 8
CLAIM: Final = timedelta(minutes=2)
"""How long a worker may take over one message before another may try."""

_FIRST_PAUSE: Final = timedelta(seconds=10)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_RECENT: Final = 100


class DeliveryFailed(Exception):
    """A server did not take a message; it may take it later."""


def add(message: OutboxMessage) -> None:
    """Put a message into the outbox, in the caller's transaction."""
    db.session.add(message)


def list_recent() -> list[OutboxMessage]:
    """Return the latest messages, newest first."""
    newest = OutboxMessage.created_at.desc()
    return list(db.session.scalars(select(OutboxMessage).order_by(newest).limit(_RECENT)))


def deliver_due(send: Callable[[OutboxMessage], None]) -> int:
    """Deliver every message that is due, oldest first, and return how many were sent."""
    sent = 0
    while (message := _claim_next(clock.now())) is not None:
        try:
            send(message)
        except DeliveryFailed as failure:
            _put_back(message, str(failure))
        else:
            message.sent_at = clock.now()
            sent += 1
        db.session.commit()
    return sent


def _claim_next(now: datetime) -> OutboxMessage | None:
    """Take the oldest due message, so that no other worker sends it meanwhile."""
    waiting = OutboxMessage.sent_at.is_(None), OutboxMessage.dead_at.is_(None)
    due = (
        select(OutboxMessage.id, OutboxMessage.due_at)
        .where(*waiting, OutboxMessage.due_at <= now)
        .order_by(OutboxMessage.due_at, OutboxMessage.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = db.session.execute(due).one_or_none()
    if found is None:
        db.session.rollback()
        return None
    if not _claim(found.id, found.due_at, now):
        db.session.rollback()
        return _claim_next(now)
    db.session.commit()
    return db.session.get(OutboxMessage, found.id)


def _claim(id: UUID, due_at: datetime, now: datetime) -> bool:
    claimed = db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id == id, OutboxMessage.due_at == due_at)
        .values(due_at=now + CLAIM, attempts=OutboxMessage.attempts + 1)
        .returning(OutboxMessage.id)
    )
    return claimed.one_or_none() is not None


def _put_back(message: OutboxMessage, error: str) -> None:
    """Try again later, longer each time and never all at once; give up in the end."""
    message.last_error = error[:255]
    if message.attempts >= TRIES:
        message.dead_at = clock.now()
        return
    pause = min(_FIRST_PAUSE * 2 ** (message.attempts - 1), _LONGEST_PAUSE)
    message.due_at = clock.now() + pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
