"""Changing an account's e-mail address: the new one is verified first, the old one is told."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.errors import Conflict, InputRefused, NotFound, TooManyAttempts
from authapp.models import Activity, User, VerificationType, db
from authapp.services import activity, attempts, notices, openings, verification
from authapp.services.attempts import Limit
from authapp.services.email_addresses import email_key, find_owner, parse_email
from authapp.services.openings import Claimed, Opener
from authapp.services.origin import Origin
from authapp.token_cache import token_cache

BY_USER: Final = Limit("change_email_by_user", most=5, within=timedelta(hours=1))
BY_ADDRESS: Final = Limit("change_email_by_address", most=3, within=timedelta(hours=1))

_TYPE: Final = VerificationType.EMAIL_CHANGE

# What was mailed to an address that is no longer the account's; security mails keep their way out.
_MAILED: Final = (
    VerificationType.EMAIL_VERIFICATION,
    VerificationType.PASSWORD_RESET,
    VerificationType.EMAIL_CHANGE,
)


def pending(user_id: UUID) -> str | None:
    """Return the address that waits to be verified, if any does."""
    asked = token_cache.get_verification_tokens_by_user(user_id, _TYPE)
    return asked[-1].target if asked else None


def request(user_id: UUID, email: str, *, browser: str, origin: Origin) -> None:
    """Mail a link to the new address, and tell the present one.

    Says nothing of whether the address has another account: its owner is told by mail, and no link
    is. Raises InputRefused for what is no address or the present one, and TooManyAttempts.
    """
    user, address = _require_user(user_id), parse_email(email)
    if email_key(address) == user.email_key:
        raise InputRefused("email", "unchanged")
    attempts.spend(BY_USER, str(user_id))
    is_flooded = _is_flooded(address)
    value = verification.issue(
        user,
        _TYPE,
        target=address,
        lifetime=current_settings().email_verification_lifetime,
        browser=browser,
    )
    if not is_flooded:
        _mail(user, address, value)
    if user.email_verified_at is not None:
        notices.send(user, "email_change_asked", origin=origin, new_email=address)
    activity.note(user.id, Activity.EMAIL_CHANGE_ASKED, origin, email=address)
    db.session.commit()


def open_link(value: str, opener: Opener, *, origin: Origin) -> bool:
    """Tell whether the link does its work without the code, as `openings.open_link` does."""
    return openings.open_link(value, _TYPE, opener, origin=origin)


def claim(value: str, opener: Opener, code: str, *, origin: Origin) -> UUID:
    """Use the link up, put the new address in place, and return its account's id.

    Raises Conflict if the address has another account by now, and what `openings.claim` raises.
    """
    return _change(openings.claim(value, _TYPE, opener, code), origin)


def claim_by_code(opener: Opener, code: str, *, origin: Origin) -> UUID:
    """Put the new address in place by the code alone, for whoever is signed in.

    Raises Conflict, and what `openings.claim_by_code` raises.
    """
    return _change(openings.claim_by_code(opener.user_id, _TYPE, opener, code), origin)


def _change(claimed: Claimed, origin: Origin) -> UUID:
    user, address = claimed.user, claimed.link.target
    former, was_verified = user.email, user.email_verified_at is not None
    try:
        with db.session.begin_nested():
            user.email, user.email_key = address, email_key(address)
            user.email_verified_at = clock.now()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("the address has another account by now") from None
    for type in _MAILED:
        verification.void(user.id, type)
    if was_verified:
        until = clock.now() + current_settings().not_me_lifetime
        notices.send(user, "email_changed", origin=origin, to=former, former=former, until=until)
    activity.note(user.id, Activity.EMAIL_CHANGED, origin, email=user.email, instead_of=former)
    user_id = user.id
    db.session.commit()
    return user_id


def _mail(user: User, address: str, value: str) -> None:
    owner, settings = find_owner(address), current_settings()
    lifetime = settings.email_verification_lifetime
    if owner is not None:
        mail.enqueue("address_wanted", to=owner.email, user_id=owner.id)
        return
    mail.enqueue(
        "change_email",
        to=address,
        user_id=user.id,
        lifetime=lifetime,
        email=address,
        link=f"{settings.public_url}/account/email/{value}",
        code=openings.code_of(value),
        expires_minutes=int(lifetime.total_seconds() // 60),
    )


def _is_flooded(address: str) -> bool:
    """Tell whether a mailbox has got enough of our mail; whoever sends it is not told."""
    try:
        attempts.spend(BY_ADDRESS, email_key(address))
    except TooManyAttempts:
        return True
    return False


def _require_user(user_id: UUID) -> User:
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("no such account")
    return user
