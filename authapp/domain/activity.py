"""Recording account activity, in the transaction that causes it."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from authapp import clock
from authapp.config import current_settings
from authapp.domain import audit
from authapp.domain.client import Client
from authapp.models import Activity, ActivityEvent, db
from authapp.models.base import insert_into, table_of
from authapp.security.derivation import keyed_digest

log = structlog.get_logger(__name__)

KEPT: Final = timedelta(days=400)
"""How long events are kept: longer than a year, so that a yearly review misses none."""

_OF_VISITORS: Final = frozenset(
    {
        Activity.REGISTERED_AGAIN,
        Activity.LINK_OPENED_ELSEWHERE,
        Activity.PASSWORD_RESET_REQUESTED,
        Activity.SIGN_IN_CODE_REQUESTED,
        Activity.LOST_FACTOR_STARTED,
        Activity.REUSE_SEEN,
    }
)
"""Activities of someone who need not be the owner."""

_OF_AUTHAPP: Final = frozenset({Activity.SIGN_IN_BLOCKED, Activity.SIGNED_OUT_OVER_LIMIT})
"""Activities that a request causes, but no one decides."""

_RECORDED_BEFORE: Final = frozenset({Activity.API_TOKEN_REVOKED})
"""Activities of which the audit log has an entry from `api_tokens.revoke_where`."""

_AUDITED: Final = frozenset({"scope", "purpose", "role", "token", "replaced_by"})
"""The details that the audit log has too; the others are names, addresses and devices."""


def note(user_id: UUID | None, activity: Activity, client: Client | None, **details: str) -> None:
    """Record an event in the caller's transaction, in the audit log, and in the log (ASVS 16.3.1).

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
    if activity not in _RECORDED_BEFORE:
        audited = {name: text for name, text in details.items() if name in _AUDITED}
        audit.record(activity, account_id=user_id, by=_actor(activity, client), details=audited)
    log.info(str(activity), user_id=user_id)


def note_failure(subject: str, user_id: UUID | None, activity: Activity, client: Client) -> None:
    """Record a failure in the caller's transaction: one entry for all of a subject in an hour.

    So no one can flood an account's activity; the entry shows how often, and the latest client.
    Each subject has a row of its own, even without an account: if all unknown addresses shared one,
    a stranger who keeps it busy would see which addresses do not wait for it.
    """
    latest = {"address": client.address, "user_agent": client.user_agent}
    entry = {"id": _id_of_failure(subject, activity), "user_id": user_id, "activity": activity}
    events = table_of(ActivityEvent)
    number = db.session.scalar(
        insert_into(events, db.engine.dialect)
        .values(**entry, **latest)
        .on_conflict_do_update(index_elements=["id"], set_={**latest, "times": events.c.times + 1})
        .returning(events.c.times)
    )
    # The audit log has the first, for the same reason.
    if number == 1:
        audit.record(activity, account_id=user_id, by=audit.VISITOR)
    log.info(str(activity), user_id=user_id)


def _actor(activity: Activity, client: Client | None) -> str:
    if client is None or activity in _OF_AUTHAPP:
        return audit.SYSTEM
    return audit.VISITOR if activity in _OF_VISITORS else audit.OWNER


def _id_of_failure(subject: str, activity: Activity) -> UUID:
    """Return the id of the current entry; keyed, so that it reveals nothing of the subject."""
    secret = current_settings().secrets.secret_key
    current = f"{activity} {clock.now():%Y-%m-%d %H} {subject}"
    return UUID(bytes=keyed_digest(secret, "activity entries", current)[:16])
