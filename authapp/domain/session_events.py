"""The beginning and the end of sessions in the audit log, for programs that have their own."""

from uuid import UUID

from authapp.domain import audit
from authapp.models import EndReason

STARTED = "session_started"
ENDED = "session_ended"


def note_started(user_id: UUID, session_id: UUID) -> None:
    """Record a new session, in the caller's transaction."""
    audit.record(STARTED, account_id=user_id, by=audit.OWNER, details={"session": str(session_id)})


def note_ended(user_id: UUID, session_id: UUID, reason: EndReason) -> None:
    """Record that a session was ended, in the caller's transaction."""
    details = {"session": str(session_id), "reason": str(reason)}
    audit.record(ENDED, account_id=user_id, details=details)
