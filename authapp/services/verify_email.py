"""Verifying an e-mail address by an emailed link."""

from uuid import UUID

from authapp import clock
from authapp.config import EVERYTHING, current_settings
from authapp.delivery import mail
from authapp.errors import Conflict, NotFound, TokenInvalid
from authapp.models import Activity, User, VerificationType, db
from authapp.services import activity, verification
from authapp.services.email_addresses import email_key
from authapp.services.origin import Origin


def may_do_everything(user_id: UUID) -> bool:
    """Tell whether an account's address is verified, or need not be."""
    if current_settings().unverified_may == EVERYTHING:
        return True
    user = db.session.get(User, user_id)
    return user is not None and user.email_verified_at is not None


def send(user: User) -> None:
    """Add a link and the mail that carries it to the transaction."""
    settings = current_settings()
    lifetime = settings.email_verification_lifetime
    value = verification.issue(
        user, VerificationType.EMAIL_VERIFICATION, target=user.email, lifetime=lifetime
    )
    mail.enqueue(
        "verify_email",
        to=user.email,
        user_id=user.id,
        lifetime=lifetime,
        link=f"{settings.public_url}/verify/email/{value}",
        expires_minutes=int(lifetime.total_seconds() // 60),
        email=user.email,
    )


def send_again(user_id: UUID) -> None:
    """Send another link; raises Conflict if the address is verified already."""
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("no such account")
    if user.email_verified_at is not None:
        raise Conflict("the address is verified already")
    send(user)
    db.session.commit()


def check(value: str) -> None:
    """Raise what `claim` would raise, and use nothing up: a GET changes nothing."""
    verification.require(value, VerificationType.EMAIL_VERIFICATION)


def claim(value: str, *, origin: Origin) -> UUID:
    """Use the link up, mark the address as verified, and return its account's id.

    Raises TokenInvalid if the account has another address by now, and what
    `verification.claim` raises.
    """
    record = verification.claim(value, VerificationType.EMAIL_VERIFICATION)
    user = db.session.get(User, record.user_id)
    if user is None or user.email_key != email_key(record.target):
        db.session.rollback()
        raise TokenInvalid("the account has another address by now")
    user.email_verified_at = user.email_verified_at or clock.now()
    verification.void(user.id, VerificationType.EMAIL_VERIFICATION)
    activity.note(user.id, Activity.EMAIL_VERIFIED, origin)
    db.session.commit()
    return record.user_id
