"""Verifying an email address with an emailed link, or with the code in the same email."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.domain import activity, emailed_links, one_time_tokens, rate_limits
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key, find_owner, key_of
from authapp.domain.emailed_links import Visitor
from authapp.domain.rate_limits import Limit
from authapp.errors import Conflict, NotFound, TokenInvalid
from authapp.models import Activity, User, VerificationType, db
from authapp.models.transaction import transaction
from authapp.token_cache.records import VerificationTokenRecord

PAUSE: Final = Limit("verify_email_pause", most=1, within=timedelta(seconds=30))
RESENDS: Final = Limit("verify_email", most=5, within=timedelta(hours=1))

TYPE: Final = VerificationType.EMAIL_VERIFICATION


def send(user: User, *, browser: str | None) -> None:
    """Add a link, and an email with the link and its code, to the caller's transaction.

    `browser` is the secret of the browser in which the link needs no code.
    """
    settings = current_settings()
    lifetime = settings.accounts.email_verification_lifetime
    value = one_time_tokens.issue(user, TYPE, target=user.email, lifetime=lifetime, browser=browser)
    mail.enqueue(
        "verify_email",
        to=user.email,
        user_id=user.id,
        lifetime=lifetime,
        link=f"{settings.deployment.public_url}/verify/email/{value}",
        code=emailed_links.code_of(value),
        expires_minutes=int(lifetime.total_seconds() // 60),
        email=user.email,
    )


def send_again(user_id: UUID, *, browser: str | None) -> None:
    """Send another link, which revokes the earlier one.

    Raises Conflict if the address is already verified, and TooManyAttempts.
    """
    if _require_user(user_id).email_verified_at is not None:
        raise Conflict("the address is already verified")
    for limit in (PAUSE, RESENDS):
        rate_limits.spend(limit, str(user_id))
    with transaction():
        send(_require_user(user_id), browser=browser)


def claim(value: str, visitor: Visitor, code: str, *, client: Client) -> UUID:
    """Consume the link, mark the address as verified, and return its user's id.

    Raises TokenInvalid if the account's address has changed, and what `emailed_links.require` and
    `emailed_links.claim` raise.
    """
    link = emailed_links.require(value, TYPE, visitor, code)
    with transaction():
        _verify(link, client)
    return link.user_id


def claim_by_code(visitor: Visitor, email: str, code: str, *, client: Client) -> UUID:
    """Mark an address as verified by the code alone, in the browser that asked for it.

    `email` is what the visitor typed; an unknown address looks like a wrong code. Raises
    TokenInvalid, and what `emailed_links.require_by_code` and `emailed_links.claim` raise.
    """
    user_id = visitor.user_id
    if user_id is None:
        owner = find_owner(email)
        user_id = owner.id if owner else None
    asked = emailed_links.find_asked(user_id, TYPE, visitor) if user_id else None
    link = emailed_links.require_by_code(asked, visitor, code, sent_to=key_of(email) or "")
    with transaction():
        _verify(link, client)
    return link.user_id


def _verify(link: VerificationTokenRecord, client: Client) -> None:
    user = emailed_links.claim(link)
    if user.email_key != email_key(link.target):
        raise TokenInvalid("the account's address has changed")
    user.email_verified_at = user.email_verified_at or clock.now()
    one_time_tokens.void(user.id, TYPE)
    activity.note(user.id, Activity.EMAIL_VERIFIED, client)


def _require_user(user_id: UUID) -> User:
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("no such account")
    return user
