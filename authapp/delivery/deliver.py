"""Delivering what waits: at least once each, and in order.

A message is claimed before it is sent and settled after it, in a transaction each, and none is open
while a server is spoken to. A worker that dies in between leaves a claim, which runs out, and
another sends the message again. docs/operation.md says where a second copy can come from.
"""

import logging
import random
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import aliased

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import outbox
from authapp.delivery.failures import DeliveryFailed, Refused, ServerAway
from authapp.models import OutboxMessage, db

Send = Callable[[OutboxMessage], bool]
"""Sends a message, or raises DeliveryFailed; tells whether it has left this machine."""

TRIES: Final = 16
"""With the pauses between them, about seven hours."""

_STEPS: Final = 16
"""More waits than a delivery can have, from the connection to the last answer."""
_FIRST_PAUSE: Final = timedelta(seconds=10)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_LONGEST_ERROR: Final = 255

log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of one try."""

    SENT = "sent"
    PUT_BACK = "put back"
    DEAD = "dead"


def deliver_due(send: Send) -> Iterator[Outcome]:
    """Try every message that is due, oldest first; yields what became of each.

    A channel whose server is away rests until the next call, so that the others need not wait
    for it.
    """
    outbox.bury_expired()
    resting: set[str] = set()
    while (message := _claim_next(resting)) is not None:
        try:
            has_left = send(message)
        except DeliveryFailed as failure:
            if isinstance(failure, ServerAway):
                resting.add(message.channel)
            yield _put_back(message, failure)
        except Exception as error:
            # A fault of ours must not be tried for ever, nor stand in the way of other messages.
            log.exception("%s %s cannot be sent", message.message, message.id)
            yield _put_back(message, DeliveryFailed(f"{type(error).__name__}: {error}"))
        else:
            yield _note_sent(message, has_left=has_left)


def claim_time() -> timedelta:
    """Return how long a worker may take over one message before another may try."""
    step: timedelta = current_settings().mail.delivery_timeout
    return _STEPS * step


def _claim_next(resting: Collection[str]) -> OutboxMessage | None:
    """Take the oldest message that is due and has no earlier one before it."""
    while (found := db.session.execute(_next_due(resting)).one_or_none()) is not None:
        message = _claim(found.id, found.claimed_until)
        if message is not None:
            # It must outlive the transaction: nothing is open while a server is spoken to.
            db.session.expunge(message)
            db.session.commit()
            return message
        db.session.rollback()
    db.session.rollback()
    return None


def _next_due(resting: Collection[str]) -> Any:
    now = clock.now()
    due = and_(
        outbox.waits(),
        outbox.is_unclaimed(now),
        OutboxMessage.due_at <= now,
        OutboxMessage.expires_at > now,
        OutboxMessage.channel.not_in(resting),
        _is_next(),
    )
    return (
        select(OutboxMessage.id, OutboxMessage.claimed_until)
        .where(due)
        .order_by(OutboxMessage.due_at)
        .limit(1)
        .with_for_update(skip_locked=True, of=OutboxMessage)
    )


def _is_next() -> ColumnElement[bool]:
    """Return the condition that no earlier message to the same person waits on the same channel.

    Mail does not hold back text messages: their codes would grow old behind a mail server's outage.
    """
    other = aliased(OutboxMessage)
    # A sub-query of one value and not NOT EXISTS: that becomes a join with the whole backlog.
    first = (
        select(other.id)
        .where(
            other.user_id == OutboxMessage.user_id,
            other.channel == OutboxMessage.channel,
            other.sent_at.is_(None),
            other.dead_at.is_(None),
        )
        .order_by(other.created_at, other.id)
        .limit(1)
        .scalar_subquery()
    )
    return or_(OutboxMessage.user_id.is_(None), OutboxMessage.id == first)


def _claim(id: Any, seen: Any) -> OutboxMessage | None:
    """Claim a message unless another worker has since: where rows are not locked, this decides."""
    return db.session.scalars(
        update(OutboxMessage)
        .where(OutboxMessage.id == id, outbox.waits(), _is_claimed_until(seen))
        .values(claimed_until=clock.now() + claim_time(), attempts=OutboxMessage.attempts + 1)
        .returning(OutboxMessage)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()


def _note_sent(message: OutboxMessage, *, has_left: bool) -> Outcome:
    """Note that a message was sent, even if another worker has claimed it since."""
    wiped = outbox.WIPED if has_left else {}
    _settle(message, sent_at=clock.now(), dead_at=None, last_error=None, **wiped)
    return Outcome.SENT


def _put_back(message: OutboxMessage, failure: DeliveryFailed) -> Outcome:
    """Try again later, longer each time and never all at once; give up in the end."""
    is_over = isinstance(failure, Refused) or message.attempts >= TRIES
    outcome = Outcome.DEAD if is_over else Outcome.PUT_BACK
    log.warning("%s %s: %s at try %d", message.message, message.id, outcome, message.attempts)
    still_mine = _is_claimed_until(message.claimed_until)
    error = str(failure)[:_LONGEST_ERROR]
    if is_over:
        _settle(message, still_mine, dead_at=clock.now(), last_error=error)
    else:
        _settle(message, still_mine, due_at=clock.now() + _pause(message), last_error=error)
    return outcome


def _pause(message: OutboxMessage) -> timedelta:
    pause: timedelta = min(_FIRST_PAUSE * 2 ** (message.attempts - 1), _LONGEST_PAUSE)
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load


def _settle(message: OutboxMessage, *conditions: ColumnElement[bool], **values: Any) -> None:
    db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id == message.id, OutboxMessage.sent_at.is_(None), *conditions)
        .values(claimed_until=None, **values)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def _is_claimed_until(time: Any) -> ColumnElement[bool]:
    return OutboxMessage.claimed_until.is_not_distinct_from(time)
