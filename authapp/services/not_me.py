"""The way out for whoever did not do what a security mail reports: it freezes their account."""

from uuid import UUID

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.errors import Conflict, InputRefused
from authapp.models import (
    Activity,
    EndReason,
    User,
    VerificationType,
    db,
)
from authapp.services import activity, standing, verification
from authapp.services.email_addresses import email_key
from authapp.services.endings import end_everything
from authapp.services.origin import Origin
from authapp.services.restore_email import restore_email
from authapp.token_cache.records import VerificationTokenRecord


def check(value: str) -> VerificationTokenRecord:
    """Return the link, and use nothing up: a GET changes nothing.

    Raises TokenInvalid, TokenExpired, TokenUsed or TokenRevoked.
    """
    return verification.require(value, VerificationType.NOT_ME)


def freeze(value: str, email: str, *, origin: Origin) -> UUID:
    """Freeze the account, end all that is in use of it, mail the way back in; return its id.

    `email` is the address that the link was mailed to, which a program that opens links does not
    know to type. If the account has another address by now, it is given back to this one. Raises
    InputRefused for any other address, which leaves the link as it was, and what `check` raises.
    """
    record = check(value)
    if email_key(email.strip()) != email_key(record.target):
        raise InputRefused("email", "not_the_recipient")
    user = standing.take(record.user_id)
    verification.claim(value, VerificationType.NOT_ME)
    end_everything(user.id, EndReason.FROZEN)
    user.frozen_at, user.delete_at = user.frozen_at or clock.now(), None
    activity.note(user.id, Activity.ACCOUNT_FROZEN, origin)
    if user.email_key == email_key(record.target) or _is_given_back(user, record, origin):
        _send_the_way_back(user)
    db.session.commit()
    return record.user_id


def _is_given_back(user: User, record: VerificationTokenRecord, origin: Origin) -> bool:
    """Give the account back to the address that the link was mailed to, if that is still free.

    Otherwise nobody's mail may open the account: it is left to an operator.
    """
    try:
        restore_email(user, record.target, since=record.created_at, origin=origin)
    except Conflict:
        user.disabled_at = user.disabled_at or clock.now()
        return False
    return True


def _send_the_way_back(user: User) -> None:
    settings = current_settings()
    lifetime = settings.password_reset_lifetime
    value = verification.add(
        user, VerificationType.PASSWORD_RESET, target=user.email, lifetime=lifetime
    )
    mail.enqueue(
        "account_frozen",
        to=user.email,
        user_id=user.id,
        lifetime=lifetime,
        email=user.email,
        link=f"{settings.public_url}/password/reset/{value}",
        ask_link=f"{settings.public_url}/password/reset",
        expires_minutes=int(lifetime.total_seconds() // 60),
    )
