"""Signing out: here, on one other device, or on all of them; each is one use case."""

from uuid import UUID

from authapp.errors import NotFound
from authapp.models import Activity, EndReason, RefreshToken, db
from authapp.services import activity, sessions
from authapp.services.devices import device
from authapp.services.origin import Origin
from authapp.services.sessions import Identity


def sign_out(identity: Identity, *, origin: Origin) -> None:
    """End the session at hand: its tokens are refused from now on, whoever has a copy."""
    if sessions.end(identity.session_id, identity.user_id, EndReason.SIGNED_OUT):
        activity.note(identity.user_id, Activity.SIGNED_OUT, origin)
    db.session.commit()


def sign_out_device(user_id: UUID, session_id: UUID, *, origin: Origin) -> None:
    """End one of a user's sessions; one that is over already is as was asked for.

    Raises NotFound for one that is not theirs.
    """
    session = db.session.get(RefreshToken, session_id)
    if session is None or session.user_id != user_id:
        raise NotFound("no such session")
    where = device(session.user_agent)
    if sessions.end(session_id, user_id, EndReason.SIGNED_OUT_ELSEWHERE):
        details = {"program": where.program, "system": where.system}
        activity.note(user_id, Activity.SIGNED_OUT_ELSEWHERE, origin, **details)
    db.session.commit()


def sign_out_others(identity: Identity, *, origin: Origin) -> int:
    """End every session of the user but the one at hand, and return how many there were."""
    ended = sessions.end_others(identity.user_id, keep=identity.session_id)
    if ended:
        activity.note(identity.user_id, Activity.SIGNED_OUT_ELSEWHERE, origin)
    db.session.commit()
    return ended


def sign_out_everywhere(user_id: UUID, *, origin: Origin) -> int:
    """End every session of a user, the one at hand too, and return how many there were."""
    ended = sessions.end_all(user_id, EndReason.SIGNED_OUT_ELSEWHERE)
    activity.note(user_id, Activity.SIGNED_OUT_ELSEWHERE, origin)
    db.session.commit()
    return ended
