"""Signing out: this session, one other session, all others, or all of them."""

from uuid import UUID

from authapp.domain import activity, sessions
from authapp.domain.client import Client
from authapp.domain.devices import device
from authapp.domain.factors import remembered_devices
from authapp.domain.sessions import Identity
from authapp.errors import NotFound
from authapp.models import Activity, EndReason, RefreshToken, RememberedDevice, db
from authapp.models.transaction import transaction


def sign_out(identity: Identity, *, client: Client) -> None:
    """End the current session; every copy of its tokens is refused from now on."""
    with transaction():
        if sessions.end(identity.session_id, identity.user_id, EndReason.SIGNED_OUT):
            activity.note(identity.user_id, Activity.SIGNED_OUT, client)


def sign_out_device(user_id: UUID, session_id: UUID, *, client: Client) -> None:
    """End one of a user's sessions, and forget its device; does nothing if it has already ended.

    Raises NotFound for a session of another user.
    """
    with transaction():
        session = db.session.get(RefreshToken, session_id)
        if session is None or session.user_id != user_id:
            raise NotFound("no such session")
        where = device(session.user_agent)
        remembered_devices.forget(user_id, RememberedDevice.session_id == session_id)
        if sessions.end(session_id, user_id, EndReason.SIGNED_OUT_ELSEWHERE):
            details = {"program": where.program, "system": where.system}
            activity.note(user_id, Activity.SIGNED_OUT_ELSEWHERE, client, **details)


def sign_out_others(identity: Identity, *, client: Client) -> int:
    """End every session of the user except the current one, and return how many.

    Other devices are forgotten, too.
    """
    with transaction():
        is_other = RememberedDevice.session_id != identity.session_id
        remembered_devices.forget(identity.user_id, is_other)
        ended = sessions.end_others(identity.user_id, keep=identity.session_id)
        if ended:
            activity.note(identity.user_id, Activity.SIGNED_OUT_ELSEWHERE, client)
    return ended


def sign_out_everywhere(user_id: UUID, *, client: Client) -> int:
    """End every session of a user, including the current one, and return how many.

    All devices are forgotten, too.
    """
    with transaction():
        remembered_devices.forget(user_id)
        ended = sessions.end_all(user_id, EndReason.SIGNED_OUT_ELSEWHERE)
        activity.note(user_id, Activity.SIGNED_OUT_ELSEWHERE, client)
    return ended
