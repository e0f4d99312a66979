"""Deliver waiting messages, each at least once, and in order.

A message is claimed before it is sent and settled afterwards, in two transactions, so that none is
open during the exchange with a server. If a worker dies in between, its claim expires, and another
worker sends the message again. docs/operation.md says when a message can arrive twice.
"""

import random
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import aliased

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import outbox
from authapp.delivery.failures import DeliveryFailed, Refused, ServerUnavailable
from authapp.delivery.sealing import OpenMessage, hide_secrets, open_message
from authapp.models import Channel, OutboxMessage, db
from authapp.models.transaction import transaction
from authapp.security.sealing import SealBroken, SealingKeyMissing

Send = Callable[[OpenMessage], bool]
"""Sends a message or raises DeliveryFailed; returns whether it has left this machine."""

_FIRST_PAUSE: Final = timedelta(seconds=10)
_LONGEST_PAUSE: Final = timedelta(hours=1)

TRIES: Final = 16
"""About seven hours, including the pauses between them."""

_PAUSES: Final = [min(_FIRST_PAUSE * 2**number, _LONGEST_PAUSE) for number in range(TRIES - 1)]

WEBHOOK_PAUSES: Final = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    *(timedelta(hours=each) for each in (0.5, 2, 5, 10, 14, 20, 24)),
]
"""About 75 hours: a program may be down over a weekend. Standard Webhooks suggests these."""

_STEPS: Final = 16
"""More waits than one delivery can have, from connecting to the last response."""
_LONGEST_ERROR: Final = 255

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """The outcome of one attempt."""

    SENT = "sent"
    PUT_BACK = "postponed"
    DEAD = "dead"


def deliver_due(send: Send, which: ColumnElement[bool] = outbox.TO_PEOPLE) -> Iterator[Outcome]:
    """Try to send each of these messages that is due, oldest first; yield the outcome of each.

    If a channel's server is not available, the channel is skipped until the next call, so that the
    other channels do not wait for it.
    """
    outbox.bury_expired()
    skipped: set[str] = set()
    while (message := _claim_next(which, skipped)) is not None:
        try:
            has_left = send(_open(message))
        except DeliveryFailed as failure:
            if isinstance(failure, ServerUnavailable):
                skipped.add(message.channel)
            yield _handle_failure(message, failure)
        except Exception as error:
            # A bug must not cause endless attempts or hold up other messages.
            log.exception("message_failed", kind=message.message, message_id=message.id)
            yield _handle_failure(message, DeliveryFailed(f"{type(error).__name__}: {error}"))
        else:
            yield _record_sent(message, has_left=has_left)


def claim_time() -> timedelta:
    """Return how long a worker may take to send one message before another worker may try."""
    step: timedelta = current_settings().mail.delivery_timeout
    return _STEPS * step


def _claim_next(which: ColumnElement[bool], skipped: Collection[str]) -> OutboxMessage | None:
    """Claim the oldest due message that does not have to wait for an earlier one."""
    while True:
        with transaction():
            found = db.session.execute(_next_due(which, skipped)).one_or_none()
            message = _claim(found.id, found.claimed_until) if found is not None else None
            if message is not None:
                # It outlives the transaction, which is not open during the exchange with a server.
                db.session.expunge(message)
        if found is None or message is not None:
            return message


def _next_due(which: ColumnElement[bool], skipped: Collection[str]) -> Any:
    now = clock.now()
    due = and_(
        which,
        outbox.waits(),
        outbox.is_unclaimed(now),
        OutboxMessage.due_at <= now,
        OutboxMessage.expires_at > now,
        OutboxMessage.channel.not_in(skipped),
        _is_first_waiting(),
    )
    return (
        select(OutboxMessage.id, OutboxMessage.claimed_until)
        .where(due)
        .order_by(OutboxMessage.due_at)
        .limit(1)
        .with_for_update(skip_locked=True, of=OutboxMessage)
    )


def _is_first_waiting() -> ColumnElement[bool]:
    """Return the condition that no earlier message to the same user waits on the same channel.

    Emails do not hold up text messages, whose codes would expire while a mail server is down.
    """
    other = aliased(OutboxMessage)
    # A scalar subquery, because NOT EXISTS becomes a join with the whole backlog.
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
    """Claim a message, unless another worker has since; SQLite has no row locks to prevent that."""
    return db.session.scalars(
        update(OutboxMessage)
        .where(OutboxMessage.id == id, outbox.waits(), _is_claimed_until(seen))
        .values(claimed_until=clock.now() + claim_time(), attempts=OutboxMessage.attempts + 1)
        .returning(OutboxMessage)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()


def _open(message: OutboxMessage) -> OpenMessage:
    """Return a message with its content; raises DeliveryFailed."""
    if message.content_sealed is None:
        raise Refused("its content was erased")
    try:
        return open_message(message)
    except SealingKeyMissing as error:
        # During a rolling restart, other processes may have a key that this one lacks.
        raise DeliveryFailed(f"KEY_ENCRYPTION_KEYS cannot open it: {error}") from error
    except SealBroken as error:
        raise Refused(f"KEY_ENCRYPTION_KEYS cannot open it: {error}") from error


def _record_sent(message: OutboxMessage, *, has_left: bool) -> Outcome:
    """Record that a message was sent, even if another worker has claimed it since."""
    wiped = outbox.WIPED if has_left else {}
    _settle(message, sent_at=clock.now(), dead_at=None, last_error=None, **wiped)
    return Outcome.SENT


def _handle_failure(message: OutboxMessage, failure: DeliveryFailed) -> Outcome:
    """Schedule another attempt after a longer pause, randomized to spread load, or give up."""
    pauses = WEBHOOK_PAUSES if message.channel == Channel.WEBHOOK else _PAUSES
    gives_up = isinstance(failure, Refused) or message.attempts > len(pauses)
    outcome = Outcome.DEAD if gives_up else Outcome.PUT_BACK
    log.warning(
        "message_not_sent",
        kind=message.message,
        message_id=message.id,
        outcome=outcome,
        attempt=message.attempts,
    )
    still_mine = _is_claimed_until(message.claimed_until)
    # Servers quote what they refuse, such as a link.
    error = hide_secrets(str(failure), message)[:_LONGEST_ERROR]
    if gives_up:
        _settle(message, still_mine, dead_at=clock.now(), last_error=error)
    else:
        pause = pauses[message.attempts - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
        _settle(message, still_mine, due_at=clock.now() + pause, last_error=error)
    return outcome


def _settle(message: OutboxMessage, *conditions: ColumnElement[bool], **values: Any) -> None:
    with transaction():
        db.session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.id == message.id, OutboxMessage.sent_at.is_(None), *conditions)
            .values(claimed_until=None, **values)
            .execution_options(synchronize_session=False)
        )


def _is_claimed_until(time: Any) -> ColumnElement[bool]:
    return OutboxMessage.claimed_until.is_not_distinct_from(time)
