"""An account's verified phone number: setting and removing it."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authapp import clock
from authapp.delivery import sms
from authapp.domain import account_status, activity, one_time_tokens, security_notices
from authapp.domain.client import Client
from authapp.domain.phone_numbers import show_phone
from authapp.errors import Conflict
from authapp.models import Activity, User, VerificationType
from authapp.models.transaction import transaction

_NOTICE_LIFETIME: Final = timedelta(days=1)


def set_phone(user: User, phone: str, *, client: Client) -> None:
    """Set a verified number in the caller's transaction, and notify its owner.

    The former number gets a text message too.
    """
    former, user.phone, user.phone_verified_at = user.phone, phone, clock.now()
    one_time_tokens.void(user.id, VerificationType.PHONE_VERIFICATION)
    shown = show_phone(phone)
    if former is None:
        activity.note(user.id, Activity.PHONE_VERIFIED, client, phone=shown)
        security_notices.send(user, "phone_added", client=client, phone=shown)
    else:
        activity.note(user.id, Activity.PHONE_CHANGED, client, phone=shown)
        security_notices.send(user, "phone_changed", client=client, phone=shown)
        _notify_former(user.id, former, "phone_changed")


def remove(user_id: UUID, *, client: Client) -> None:
    """Remove an account's number, and notify its owner by email and at the number.

    Raises Conflict if the account has no number.
    """
    with transaction():
        user = account_status.require_active(user_id)
        former, user.phone, user.phone_verified_at = user.phone, None, None
        if former is None:
            raise Conflict("the account has no phone number")
        one_time_tokens.void(user_id, VerificationType.PHONE_VERIFICATION)
        activity.note(user_id, Activity.PHONE_REMOVED, client, phone=show_phone(former))
        security_notices.send(user, "phone_removed", client=client, phone=show_phone(former))
        _notify_former(user_id, former, "phone_removed")


def _notify_former(user_id: UUID, phone: str, message: str) -> None:
    if sms.can_send():
        sms.enqueue(message, to=phone, user_id=user_id, lifetime=_NOTICE_LIFETIME)
