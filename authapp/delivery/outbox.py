"""The outbox: messages wait here until a worker delivers them or they are no longer useful."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, case, delete, func, literal, or_, select, update

from authapp import clock
from authapp.delivery.sealing import Content, OpenMessage, open_message, seal, with_content
from authapp.errors import Conflict, NotFound
from authapp.models import Channel, OutboxMessage, db
from authapp.models.transaction import transaction
from authapp.security.sealing import SealBroken

LIFETIME: Final = timedelta(days=7)
"""How long a message is useful, unless it contains something that expires sooner."""

WIPED: Final[dict[str, Any]] = {"content_sealed": None}
"""Values that erase a message's links and codes once they are no longer needed."""

TOO_OLD: Final = "expired before it was sent"

# A partial index is used only if the statement has the value itself, not a parameter.
_WEBHOOK: Final = literal(Channel.WEBHOOK.value, literal_execute=True)

TO_PEOPLE: Final[ColumnElement[bool]] = OutboxMessage.channel != _WEBHOOK
"""The condition of emails and text messages."""

TO_PROGRAMS: Final[ColumnElement[bool]] = OutboxMessage.channel == _WEBHOOK
"""The condition of webhooks."""

_RECENT: Final = 100


class State(StrEnum):
    """The status of a message."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


def to_endpoint(endpoint_id: UUID) -> ColumnElement[bool]:
    """Return the condition of the webhooks for one endpoint."""
    return and_(TO_PROGRAMS, OutboxMessage.recipient == str(endpoint_id))


def waits() -> ColumnElement[bool]:
    """Return the condition that a message is neither sent nor dead."""
    return and_(OutboxMessage.sent_at.is_(None), OutboxMessage.dead_at.is_(None))


def is_unclaimed(now: datetime) -> ColumnElement[bool]:
    """Return the condition that no worker is sending a message, or that its claim has expired."""
    return or_(OutboxMessage.claimed_until.is_(None), OutboxMessage.claimed_until <= now)


def add(message: OutboxMessage, content: Content, lifetime: timedelta = LIFETIME) -> None:
    """Add a message to the outbox, in the caller's transaction; it expires after `lifetime`."""
    message.id, message.expires_at = uuid4(), clock.now() + lifetime
    seal(message, content)
    db.session.add(message)


def list_recent() -> list[OpenMessage]:
    """Return the latest messages to people with their content, newest first; for development."""
    newest = OutboxMessage.created_at.desc()
    found = db.session.scalars(
        select(OutboxMessage).where(TO_PEOPLE).order_by(newest).limit(_RECENT)
    )
    return [_open_or_explain(message) for message in found]


def list_in(
    states: Sequence[State], *, limit: int, which: ColumnElement[bool] = TO_PEOPLE
) -> list[OutboxMessage]:
    """Return the latest messages in any of these states, newest first."""
    conditions = {
        State.WAITING: waits(),
        State.SENT: OutboxMessage.sent_at.is_not(None),
        # What was sent is not dead, and an index finds the few that were not sent.
        State.DEAD: and_(OutboxMessage.sent_at.is_(None), OutboxMessage.dead_at.is_not(None)),
    }
    chosen = or_(*(conditions[state] for state in states))
    newest = OutboxMessage.created_at.desc()
    found = select(OutboxMessage).where(chosen, which).order_by(newest).limit(limit)
    return list(db.session.scalars(found))


def count_unsent(which: ColumnElement[bool] = TO_PEOPLE) -> dict[State, int]:
    """Return how many messages are waiting, and how many are dead."""
    is_dead = OutboxMessage.dead_at.is_not(None)
    unsent = select(is_dead, func.count()).where(OutboxMessage.sent_at.is_(None), which)
    counts = {bool(dead): number for dead, number in db.session.execute(unsent.group_by(is_dead))}
    return {State.WAITING: counts.get(False, 0), State.DEAD: counts.get(True, 0)}


def has_due(which: ColumnElement[bool]) -> bool:
    """Return whether one of these messages can be tried now."""
    now = clock.now()
    due = and_(which, waits(), is_unclaimed(now), OutboxMessage.due_at <= now)
    return db.session.scalar(select(OutboxMessage.id).where(due).limit(1)) is not None


def longest_wait(which: ColumnElement[bool] = TO_PEOPLE) -> timedelta:
    """Return how long the oldest waiting message has waited; zero if none is waiting."""
    oldest = db.session.scalar(select(func.min(OutboxMessage.created_at)).where(waits(), which))
    return clock.now() - oldest if oldest else timedelta()


def retry(id: UUID) -> None:
    """Make a message due now, and restart its attempts at zero.

    Raises NotFound, or Conflict if it was sent, is being sent, or is no longer useful.
    """
    with transaction():
        message = db.session.get(OutboxMessage, id)
        if message is None:
            raise NotFound(f"no such message: {id}")
        if message.sent_at is not None:
            raise Conflict("this message was already sent")
        if message.expires_at <= clock.now():
            raise Conflict("this message is no longer useful")
        if not _revive(OutboxMessage.id == id):
            raise Conflict("this message is being sent")


def retry_dead(which: ColumnElement[bool] = TO_PEOPLE) -> int:
    """Make every dead message that is still useful due now; return how many there are."""
    with transaction():
        return _revive(and_(OutboxMessage.dead_at.is_not(None), which))


def bury_expired() -> None:
    """Mark expired messages as dead, and erase their content; commits."""
    now = clock.now()
    expired = and_(
        OutboxMessage.expires_at <= now,
        OutboxMessage.sent_at.is_(None),
        or_(OutboxMessage.dead_at.is_(None), OutboxMessage.content_sealed.is_not(None)),
        is_unclaimed(now),
    )
    too_old = case((OutboxMessage.dead_at.is_(None), TOO_OLD), else_=OutboxMessage.last_error)
    dead_at = func.coalesce(OutboxMessage.dead_at, now)
    with transaction():
        # Usually there are none, and an UPDATE would make SQLite's other writers wait. In order,
        # because PostgreSQL would otherwise expect to meet one soon, wherever it begins to read.
        first = select(OutboxMessage.id).where(expired).order_by(OutboxMessage.expires_at).limit(1)
        if db.session.scalar(first) is not None:
            _change(expired, dead_at=dead_at, last_error=too_old, **WIPED)


def delete_older(before: datetime, most: int) -> int:
    """Delete up to `most` sent or dead messages that expired before a time; commits.

    Returns how many were deleted.
    """
    finished = select(OutboxMessage.id).where(~waits(), OutboxMessage.expires_at < before)
    with transaction():
        ids = list(db.session.scalars(finished.limit(most)))
        db.session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_(ids)))
    return len(ids)


def _open_or_explain(message: OutboxMessage) -> OpenMessage:
    try:
        return open_message(message)
    except SealBroken as error:
        return with_content(message, Content(body=f"This message cannot be opened: {error}."))


def _revive(condition: ColumnElement[bool]) -> int:
    now = clock.now()
    return _change(
        and_(
            condition,
            OutboxMessage.sent_at.is_(None),
            OutboxMessage.expires_at > now,
            is_unclaimed(now),
        ),
        dead_at=None,
        due_at=now,
        attempts=0,
    )


def _change(condition: ColumnElement[bool], **values: Any) -> int:
    changed = db.session.execute(
        update(OutboxMessage)
        .where(condition)
        .values(**values)
        .returning(OutboxMessage.id)
        .execution_options(synchronize_session=False)
    )
    return len(changed.all())
