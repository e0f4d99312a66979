"""Verifying an e-mail address by a mailed link, or by the code of the same mail."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.errors import Conflict, NotFound, TokenInvalid
from authapp.models import Activity, User, VerificationType, db
from authapp.services import activity, attempts, openings, verification
from authapp.services.attempts import Limit
from authapp.services.email_addresses import email_key, find_owner, key_of
from authapp.services.openings import Claimed, Opener
from authapp.services.origin import Origin

PAUSE: Final = Limit("verify_email_pause", most=1, within=timedelta(seconds=30))
RESENDS: Final = Limit("verify_email", most=5, within=timedelta(hours=1))

_TYPE: Final = VerificationType.EMAIL_VERIFICATION


def send(user: User, *, browser: str | None) -> None:
    """Add a link and the mail that carries it, with its code, to the transaction.

    `browser` is the secret of the browser in which the link needs no code.
    """
    settings = current_settings()
    lifetime = settings.email_verification_lifetime
    value = verification.issue(user, _TYPE, target=user.email, lifetime=lifetime, browser=browser)
    mail.enqueue(
        "verify_email",
        to=user.email,
        user_id=user.id,
        lifetime=lifetime,
        link=f"{settings.public_url}/verify/email/{value}",
        code=openings.code_of(value),
        expires_minutes=int(lifetime.total_seconds() // 60),
        email=user.email,
    )


def send_again(user_id: UUID, *, browser: str | None) -> None:
    """Send another link, which voids the earlier one.

    Raises Conflict if the address is verified already, and TooManyAttempts so soon after another.
    """
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("no such account")
    if user.email_verified_at is not None:
        raise Conflict("the address is verified already")
    for limit in (PAUSE, RESENDS):
        attempts.spend(limit, str(user_id))
    send(user, browser=browser)
    db.session.commit()


def open_link(value: str, opener: Opener, *, origin: Origin) -> bool:
    """Tell whether the link does its work without the code, as `openings.open_link` does."""
    return openings.open_link(value, _TYPE, opener, origin=origin)


def claim(value: str, opener: Opener, code: str, *, origin: Origin) -> UUID:
    """Use the link up, mark the address as verified, and return its account's id.

    Raises TokenInvalid if the account has another address by now, and what `openings.claim` raises.
    """
    return _verify(openings.claim(value, _TYPE, opener, code), origin)


def claim_by_code(opener: Opener, email: str, code: str, *, origin: Origin) -> UUID:
    """Mark an address as verified by the code alone, where the link was asked for.

    `email` is what was typed there, and may be nobody's: that looks like a wrong code. Raises what
    `openings.claim_by_code` raises, and TokenInvalid.
    """
    user_id = opener.user_id
    if user_id is None:
        owner = find_owner(email)
        user_id = owner.id if owner else None
    claimed = openings.claim_by_code(user_id, _TYPE, opener, code, sent_to=key_of(email) or "")
    return _verify(claimed, origin)


def _verify(claimed: Claimed, origin: Origin) -> UUID:
    user = claimed.user
    if user.email_key != email_key(claimed.link.target):
        db.session.rollback()
        raise TokenInvalid("the account has another address by now")
    user.email_verified_at = user.email_verified_at or clock.now()
    verification.void(user.id, _TYPE)
    activity.note(user.id, Activity.EMAIL_VERIFIED, origin)
    db.session.commit()
    return claimed.link.user_id
