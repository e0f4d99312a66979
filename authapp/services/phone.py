"""An account's phone number, once it is verified: putting it in place and taking it away."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authapp import clock
from authapp.delivery import sms
from authapp.errors import Conflict
from authapp.models import Activity, User, VerificationType, db
from authapp.services import activity, notices, standing, verification
from authapp.services.origin import Origin
from authapp.services.phone_numbers import show_phone

_NEWS: Final = timedelta(days=1)


def put(user: User, phone: str, *, origin: Origin) -> None:
    """Put a verified number in place, in the caller's transaction, and tell its owner.

    Whoever has the former number is told there, too.
    """
    former, user.phone, user.phone_verified_at = user.phone, phone, clock.now()
    verification.void(user.id, VerificationType.PHONE_VERIFICATION)
    shown = show_phone(phone)
    if former is None:
        activity.note(user.id, Activity.PHONE_VERIFIED, origin, phone=shown)
        notices.send(user, "phone_added", origin=origin, phone=shown)
    else:
        activity.note(user.id, Activity.PHONE_CHANGED, origin, phone=shown)
        notices.send(user, "phone_changed", origin=origin, phone=shown)
        _tell_former(user.id, former, "phone_changed")


def remove(user_id: UUID, *, origin: Origin) -> None:
    """Take an account's number away, and tell its owner by mail and at the number.

    Raises Conflict if there is none.
    """
    user = standing.require_standing(user_id)
    former, user.phone, user.phone_verified_at = user.phone, None, None
    if former is None:
        db.session.rollback()
        raise Conflict("there is no number")
    verification.void(user_id, VerificationType.PHONE_VERIFICATION)
    activity.note(user_id, Activity.PHONE_REMOVED, origin, phone=show_phone(former))
    notices.send(user, "phone_removed", origin=origin, phone=show_phone(former))
    _tell_former(user_id, former, "phone_removed")
    db.session.commit()


def _tell_former(user_id: UUID, phone: str, message: str) -> None:
    if sms.can_send():
        sms.enqueue(message, to=phone, user_id=user_id, lifetime=_NEWS)
