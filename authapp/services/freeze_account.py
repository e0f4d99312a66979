"""Freezing an account with the "This wasn't me" link in a security email."""

from uuid import UUID

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.domain import account_status, activity, audit, one_time_tokens
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key, key_of
from authapp.domain.factors import passkeys
from authapp.domain.restore_email import restore_email
from authapp.domain.revoke_all import revoke_all
from authapp.errors import Conflict, InputRefused
from authapp.models import Activity, EndReason, User, VerificationType
from authapp.models.transaction import transaction
from authapp.token_cache.records import VerificationTokenRecord


def check(value: str) -> VerificationTokenRecord:
    """Return the link without consuming it.

    Raises TokenInvalid, TokenExpired, TokenUsed or TokenRevoked.
    """
    return one_time_tokens.require(value, VerificationType.NOT_ME)


def freeze(link: VerificationTokenRecord, email: str, *, client: Client) -> UUID:
    """Freeze the account, revoke everything in it, email a reset link, and return its user's id.

    `link` comes from `check`. `email` must be the address that the link was sent to, which a
    link scanner cannot enter. If the account has a different address now, the former one is
    restored. Passkeys that were added since the email stop working. Raises InputRefused for any
    other address, which does not consume the link, and what `one_time_tokens.claim` raises.
    """
    if key_of(email) != email_key(link.target):
        raise InputRefused("email", "not_the_recipient")
    with transaction():
        user = account_status.lock(link.user_id)
        one_time_tokens.claim(link)
        revoke_all(user.id, EndReason.FROZEN)
        user.frozen_at, user.delete_at = user.frozen_at or clock.now(), None
        passkeys.disable_added_since(user.id, link.created_at)
        activity.note(user.id, Activity.ACCOUNT_FROZEN, client)
        if user.email_key == email_key(link.target) or _try_restore(user, link, client):
            _send_reset_link(user)
    return link.user_id


def _try_restore(user: User, record: VerificationTokenRecord, client: Client) -> bool:
    """Restore the address that the link was sent to, and return whether it was still free.

    If it was not, neither address can be trusted with the account: it is disabled until an
    operator decides.
    """
    try:
        restore_email(user, record.target, since=record.created_at, client=client)
    except Conflict:
        if user.disabled_at is None:
            user.disabled_at = clock.now()
            # Not in the account's activity, where it would be an administrator's act.
            audit.record(Activity.ACCOUNT_DISABLED, account_id=user.id)
        return False
    return True


def _send_reset_link(user: User) -> None:
    settings = current_settings()
    lifetime = settings.accounts.password_reset_lifetime
    value = one_time_tokens.add(
        user, VerificationType.PASSWORD_RESET, target=user.email, lifetime=lifetime
    )
    mail.enqueue(
        "account_frozen",
        to=user.email,
        user_id=user.id,
        lifetime=lifetime,
        email=user.email,
        link=f"{settings.deployment.public_url}/password/reset/{value}",
        ask_link=f"{settings.deployment.public_url}/password/reset",
        expires_minutes=int(lifetime.total_seconds() // 60),
    )
