"""What happened to an account: noted in the transaction that did it, and read by its owner."""

import logging
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select

from authapp.errors import NotFound
from authapp.models import Activity, ActivityEvent, db
from authapp.services.origin import Origin

log = logging.getLogger(__name__)

PAGE: Final = 50


@dataclass(frozen=True)
class Page:
    """Some events, newest first, and the one to go on from; None where there is no more."""

    events: list[ActivityEvent]
    older_than: UUID | None


def note(user_id: UUID | None, activity: Activity, origin: Origin | None, **details: str) -> None:
    """Note what happened in the caller's transaction, and in the log (ASVS 16.3.1).

    `origin` is None for what nobody asked for over the network. Secrets are no details.
    """
    db.session.add(
        ActivityEvent(
            user_id=user_id,
            activity=activity,
            address=origin.address if origin else None,
            user_agent=origin.user_agent if origin else None,
            details=details,
        )
    )
    whose, where = user_id or "of nobody", origin.address if origin else "here"
    log.info("%s: account %s, from %s", activity, whose, where)


def list_page(user_id: UUID, *, before: UUID | None = None) -> Page:
    """Return what happened, newest first: what came before an event, or else the latest.

    Raises NotFound for an event that is not theirs, or is forgotten by now.
    """
    found = select(ActivityEvent).where(ActivityEvent.user_id == user_id, *_older(user_id, before))
    newest = ActivityEvent.created_at.desc(), ActivityEvent.id.desc()
    events = list(db.session.scalars(found.order_by(*newest).limit(PAGE + 1)))
    return Page(events[:PAGE], events[PAGE - 1].id if len(events) > PAGE else None)


def list_recent(user_id: UUID) -> list[ActivityEvent]:
    """Return what happened lately, newest first."""
    return list_page(user_id).events


def _older(user_id: UUID, before: UUID | None) -> tuple[ColumnElement[bool], ...]:
    if before is None:
        return ()
    event = db.session.get(ActivityEvent, before)
    if event is None or event.user_id != user_id:
        raise NotFound("no such event")
    at = ActivityEvent.created_at
    earlier = at < event.created_at
    return (or_(earlier, and_(at == event.created_at, ActivityEvent.id < event.id)),)
