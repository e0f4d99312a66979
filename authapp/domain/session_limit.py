"""The limit on an account's active sessions, so that no client can add them without end."""

from uuid import UUID

from sqlalchemy import select

from authapp import clock
from authapp.config import current_settings
from authapp.domain import activity, session_events
from authapp.domain.client import Client
from authapp.domain.devices import device
from authapp.models import Activity, EndReason, RefreshToken, db
from authapp.models.changes import update_where


def make_room(user_id: UUID, *, client: Client) -> None:
    """End the sessions that one more would push beyond MAX_SESSIONS: those unused for longest.

    Belongs to the caller's transaction, which holds the account's lock (`account_status.lock`).
    """
    now = clock.now()
    active = (RefreshToken.user_id == user_id, RefreshToken.ended_at.is_(None))
    surplus = (
        select(RefreshToken.id, RefreshToken.user_agent)
        .where(*active, RefreshToken.expires_at > now)
        .order_by(RefreshToken.last_used_at.desc(), RefreshToken.id)
        .offset(current_settings().sessions.limit - 1)
    )
    for id, user_agent in db.session.execute(surplus).all():
        reason, which = EndReason.OVER_LIMIT, (*active, RefreshToken.id == id)
        if not update_where(RefreshToken, *which, ended_at=now, end_reason=reason):
            # Its user has signed out since; that needs no lock.
            continue
        session_events.note_ended(user_id, id, reason)
        program, system = device(user_agent)
        details = {"program": program, "system": system}
        activity.note(user_id, Activity.SIGNED_OUT_OVER_LIMIT, client, **details)
