"""Recording account activity, in the transaction that causes it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select, update

from authapp.domain import rate_limits
from authapp.domain.client import Client
from authapp.domain.rate_limits import Limit
from authapp.models import Activity, ActivityEvent, db

log = structlog.get_logger(__name__)

KEPT: Final = timedelta(days=400)
"""Retention of events; longer than a year, so that a yearly look misses none."""


_ENTRIES: Final = Limit("activity_entries", most=1, within=timedelta(hours=1))
"""Entries for failures of one subject."""


def note(user_id: UUID | None, activity: Activity, client: Client | None, **details: str) -> None:
    """Record an event in the caller's transaction, and in the log (ASVS 16.3.1).

    `client` is None if no request caused it. Details must not contain secrets.
    """
    db.session.add(
        ActivityEvent(
            user_id=user_id,
            activity=activity,
            address=client.address if client else None,
            user_agent=client.user_agent if client else None,
            details=details,
        )
    )
    log.info(str(activity), user_id=user_id)


def note_failure(subject: str) -> Callable[[UUID | None, Activity, Client], None]:
    """Return the function that records a failure: `note` for the first of a subject in an hour.

    Further ones add to the latest entry, so that no one can flood an account's activity. Call this
    before `transaction()`, and what it returns inside.
    """
    return note if rate_limits.allows(_ENTRIES, subject) else _note_again


def _note_again(user_id: UUID | None, activity: Activity, client: Client) -> None:
    """Add to the latest entry of this kind; it shows how often, and the latest client."""
    of_kind = select(ActivityEvent.id).where(
        ActivityEvent.user_id == user_id, ActivityEvent.activity == activity
    )
    latest = of_kind.order_by(ActivityEvent.created_at.desc()).limit(1).scalar_subquery()
    added = (
        update(ActivityEvent)
        .where(ActivityEvent.id == latest)
        .values(times=ActivityEvent.times + 1, address=client.address, user_agent=client.user_agent)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(added)
    log.info(str(activity), user_id=user_id)
