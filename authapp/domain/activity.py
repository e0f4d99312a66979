"""Recording account activity, in the transaction that causes it."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from authapp.domain.client import Client
from authapp.models import Activity, ActivityEvent, db

log = structlog.get_logger(__name__)

KEPT: Final = timedelta(days=400)
"""Retention of events; longer than a year, so that a yearly look misses none."""


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
