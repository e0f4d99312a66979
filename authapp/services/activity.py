"""An account's recent activity, as its owner sees it."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, select, tuple_

from authapp.errors import NotFound
from authapp.models import ActivityEvent, db

PAGE: Final = 50


@dataclass(frozen=True)
class Page:
    """Events, newest first, and the last one's id if there are older ones."""

    events: list[ActivityEvent]
    older_than: UUID | None


def list_page(user_id: UUID, *, before: UUID | None = None) -> Page:
    """Return a page of events, newest first; `before` is the last event of the previous page.

    Raises NotFound if that event belongs to another user or was deleted.
    """
    found = select(ActivityEvent).where(ActivityEvent.user_id == user_id, *_older(user_id, before))
    newest = ActivityEvent.created_at.desc(), ActivityEvent.id.desc()
    events = list(db.session.scalars(found.order_by(*newest).limit(PAGE + 1)))
    return Page(events[:PAGE], events[PAGE - 1].id if len(events) > PAGE else None)


def list_recent(user_id: UUID) -> list[ActivityEvent]:
    """Return the latest events, newest first."""
    return list_page(user_id).events


def _older(user_id: UUID, before: UUID | None) -> tuple[ColumnElement[bool], ...]:
    if before is None:
        return ()
    event = db.session.get(ActivityEvent, before)
    if event is None or event.user_id != user_id:
        raise NotFound("no such event")
    return (tuple_(ActivityEvent.created_at, ActivityEvent.id) < (event.created_at, event.id),)
