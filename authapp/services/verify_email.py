"""Verifying an e-mail address by a mailed link, or by the code of the same mail."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authapp import clock
from authapp.config import EVERYTHING, current_settings
from authapp.delivery import mail
from authapp.errors import Conflict, InputRefused, NotFound, TokenInvalid
from authapp.models import Activity, User, VerificationType, db
from authapp.services import activity, attempts, openings, verification
from authapp.services.attempts import Limit
from authapp.services.email_addresses import email_key, find_owner
from authapp.services.openings import Opener, is_at_home
from authapp.services.origin import Origin
from authapp.token_cache import token_cache
from authapp.token_cache.records import VerificationTokenRecord

PAUSE: Final = Limit("verify_email_pause", most=1, within=timedelta(seconds=30))
RESENDS: Final = Limit("verify_email", most=5, within=timedelta(hours=1))

_TYPE: Final = VerificationType.EMAIL_VERIFICATION


def may_do_everything(user_id: UUID) -> bool:
    """Tell whether an account's address is verified, or need not be."""
    if current_settings().unverified_may == EVERYTHING:
        return True
    user = db.session.get(User, user_id)
    return user is not None and user.email_verified_at is not None


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
    """Tell whether the link does its work without the code; nothing is used up.

    An opening elsewhere is noted apart. Raises what `claim` raises of the link.
    """
    record = verification.require(value, _TYPE)
    if is_at_home(record, opener):
        return True
    openings.note_elsewhere(record, origin=origin)
    return False


def claim(value: str, opener: Opener, code: str, *, origin: Origin) -> UUID:
    """Use the link up, mark the address as verified, and return its account's id.

    Opened elsewhere, it takes the code too: raises InputRefused for a wrong one, TooManyAttempts
    after a few. Raises TokenInvalid if the account has another address by now, and what
    `verification.claim` raises.
    """
    record = verification.require(value, _TYPE)
    if not is_at_home(record, opener):
        openings.require_code(record, code)
    verification.claim(value, _TYPE)
    return _verify(record, origin)


def claim_by_code(opener: Opener, email: str, code: str, *, origin: Origin) -> UUID:
    """Mark an address as verified by the code alone, where the link was asked for.

    `email` is what was typed there, and may be nobody's: that looks like a wrong code. Raises
    InputRefused, TooManyAttempts, and what `claim` raises of the account.
    """
    openings.require_digits(code)
    record = _asked_for_here(opener, email)
    if record is None:
        attempts.spend(openings.GUESSES, f"nobody {opener.user_id or opener.browser}")
        raise InputRefused("code", "wrong")
    openings.require_code(record, code)
    verification.claim_found(record)
    return _verify(record, origin)


def _asked_for_here(opener: Opener, email: str) -> VerificationTokenRecord | None:
    """Return the newest link that stands and was asked for by whoever is here."""
    user_id = opener.user_id
    if user_id is None:
        owner = find_owner(email)
        user_id = owner.id if owner else None
    if user_id is None:
        return None
    standing = token_cache.get_verification_tokens_by_user(user_id, _TYPE)
    return next((record for record in standing[::-1] if is_at_home(record, opener)), None)


def _verify(record: VerificationTokenRecord, origin: Origin) -> UUID:
    user = db.session.get(User, record.user_id)
    if user is None or user.email_key != email_key(record.target):
        db.session.rollback()
        raise TokenInvalid("the account has another address by now")
    user.email_verified_at = user.email_verified_at or clock.now()
    verification.void(user.id, _TYPE)
    activity.note(user.id, Activity.EMAIL_VERIFIED, origin)
    db.session.commit()
    return record.user_id
