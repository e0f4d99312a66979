"""What happened to an account: noted in the transaction that did it, and read by its owner."""

import logging
from uuid import UUID

from sqlalchemy import select

from authapp.models import Activity, ActivityEvent, db
from authapp.services.origin import Origin

log = logging.getLogger(__name__)

PAGE = 50


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


def list_recent(user_id: UUID, *, most: int = PAGE) -> list[ActivityEvent]:
    """Return what happened lately, newest first."""
    newest = ActivityEvent.created_at.desc(), ActivityEvent.id
    found = select(ActivityEvent).where(ActivityEvent.user_id == user_id)
    return list(db.session.scalars(found.order_by(*newest).limit(most)))
