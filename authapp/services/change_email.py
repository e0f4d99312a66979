"""Changing an account's email address: the new one is verified first, the old one is notified."""

from typing import Final
from uuid import UUID

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.domain import activity, emailed_links, one_time_tokens, security_notices
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key, find_owner, own_address, parse_email
from authapp.domain.emailed_links import Visitor
from authapp.domain.limits import mail_limits, rate_limits
from authapp.errors import InputRefused, NotFound
from authapp.models import Activity, User, VerificationType, db
from authapp.models.transaction import transaction
from authapp.security.opaque_tokens import digest
from authapp.token_cache import token_cache
from authapp.token_cache.records import VerificationTokenRecord

TYPE: Final = VerificationType.EMAIL_CHANGE

# Links sent to the former address. Those in security emails stay valid, to undo the change.
_MAILED: Final = (
    VerificationType.PASSWORD_RESET,
    VerificationType.EMAIL_CHANGE,
    VerificationType.EMAIL_SIGN_IN,
)


def get_pending(user_id: UUID) -> VerificationTokenRecord | None:
    """Return the pending link, whose `target` is the new address; None if there is none."""
    asked = token_cache.get_verification_tokens_by_user(user_id, TYPE)
    return asked[-1] if asked else None


def request(user_id: UUID, email: str, *, browser: str, client: Client) -> None:
    """Email a link to the new address, and notify the current one.

    The result does not reveal whether the address belongs to another account: its owner gets an
    email without a link. Raises InputRefused for an invalid or unchanged address, and
    TooManyAttempts.
    """
    address = parse_email(email)
    if email_key(address) == _require_user(user_id).email_key:
        raise InputRefused("email", "unchanged")
    mail_limits.spend(client)
    rate_limits.spend(current_settings().limits.email_changes, str(user_id))
    is_flooded = not mail_limits.allows(address)
    with transaction():
        user = _require_user(user_id)
        value = one_time_tokens.issue(
            user,
            TYPE,
            target=address,
            lifetime=current_settings().accounts.email_verification_lifetime,
            browser_digest=digest(browser.encode()),
        )
        if not is_flooded:
            _mail(user, address, value)
        security_notices.send(user, "email_change_asked", client=client, new_email=address)
        activity.note(user.id, Activity.EMAIL_CHANGE_REQUESTED, client, email=address)


def claim(value: str, visitor: Visitor, code: str, *, client: Client) -> UUID:
    """Consume the link, change the address, and return the user's id.

    Raises Conflict if the address now belongs to another account, and what
    `emailed_links.require` and `emailed_links.claim` raise.
    """
    link = emailed_links.require(value, TYPE, visitor, code)
    with transaction():
        _change(link, client)
    return link.user_id


def claim_by_code(
    pending: VerificationTokenRecord, visitor: Visitor, code: str, *, client: Client
) -> UUID:
    """Change the signed-in user's address by the code alone.

    Raises Conflict, and what `emailed_links.require_by_code` and `emailed_links.claim` raise.
    """
    link = emailed_links.require_by_code(pending, visitor, code)
    with transaction():
        _change(link, client)
    return link.user_id


def _change(link: VerificationTokenRecord, client: Client) -> None:
    user, address = emailed_links.claim(link), link.target
    former = user.email
    own_address(user, address)
    for type in _MAILED:
        one_time_tokens.void(user.id, type)
    until = clock.now() + current_settings().accounts.not_me_lifetime
    security_notices.send(
        user, "email_changed", client=client, to=former, former=former, until=until
    )
    activity.note(user.id, Activity.EMAIL_CHANGED, client, email=user.email, instead_of=former)


def _mail(user: User, address: str, value: str) -> None:
    """Email the link, or tell the owner of the address.

    Both emails are rendered, so that the time is the same (ASVS 6.3.8).
    """
    owner, settings = find_owner(address), current_settings()
    lifetime = settings.accounts.email_verification_lifetime
    warning = mail.compose("address_wanted", user_id=owner.id if owner else user.id)
    offer = mail.compose(
        "change_email",
        user_id=user.id,
        email=address,
        link=f"{settings.deployment.public_url}/account/email/{value}",
        code=emailed_links.code_of(value),
        expires_minutes=int(lifetime.total_seconds() // 60),
    )
    if owner is not None:
        mail.enqueue_draft(warning, to=owner.email, user_id=owner.id)
    else:
        mail.enqueue_draft(offer, to=address, user_id=user.id, lifetime=lifetime)


def _require_user(user_id: UUID) -> User:
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("no such account")
    return user
