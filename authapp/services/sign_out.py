"""Signing out: this session, one other session, all others, or all of them."""

from uuid import UUID

from authapp.domain import activity, sessions
from authapp.domain.client import Client
from authapp.domain.devices import device
from authapp.domain.sessions import Identity
from authapp.errors import NotFound
from authapp.models import Activity, EndReason, RefreshToken, db
from authapp.models.transaction import transaction


def sign_out(identity: Identity, *, client: Client) -> None:
    """End the current session; every copy of its tokens is refused from now on."""
    with transaction():
        if sessions.end(identity.session_id, identity.user_id, EndReason.SIGNED_OUT):
            activity.note(identity.user_id, Activity.SIGNED_OUT, client)


def sign_out_device(user_id: UUID, session_id: UUID, *, client: Client) -> None:
    """End one of a user's sessions; does nothing if it has already ended.

    Raises NotFound for a session of another user.
    """
    with transaction():
        session = db.session.get(RefreshToken, session_id)
        if session is None or session.user_id != user_id:
            raise NotFound("no such session")
        where = device(session.user_agent)
        if sessions.end(session_id, user_id, EndReason.SIGNED_OUT_ELSEWHERE):
            details = {"program": where.program, "system": where.system}
            activity.note(user_id, Activity.SIGNED_OUT_ELSEWHERE, client, **details)


def sign_out_others(identity: Identity, *, client: Client) -> int:
    """End every session of the user except the current one, and return how many."""
    with transaction():
        ended = sessions.end_others(identity.user_id, keep=identity.session_id)
        if ended:
            activity.note(identity.user_id, Activity.SIGNED_OUT_ELSEWHERE, client)
    return ended


def sign_out_everywhere(user_id: UUID, *, client: Client) -> int:
    """End every session of a user, including the current one, and return how many."""
    with transaction():
        ended = sessions.end_all(user_id, EndReason.SIGNED_OUT_ELSEWHERE)
        activity.note(user_id, Activity.SIGNED_OUT_ELSEWHERE, client)
    return ended
