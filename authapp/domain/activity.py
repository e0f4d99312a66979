"""Recording what happened in an account, in the transaction that did it."""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from authapp.domain.client import Client
from authapp.models import Activity, ActivityEvent, db

log = logging.getLogger(__name__)

KEPT: Final = timedelta(days=400)
"""How long events are kept: a user who looks once a year misses nothing."""


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
    whose, where = user_id or "of nobody", client.address if client else "here"
    log.info("%s: account %s, from %s", activity, whose, where)
