"""Setting a new password with an emailed link."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.domain import (
    account_status,
    activity,
    emailed_links,
    one_time_tokens,
    passwords,
    sessions,
)
from authapp.domain.client import Client
from authapp.domain.devices import device
from authapp.domain.email_addresses import email_key, find_account, parse_email
from authapp.domain.limits import mail_limits
from authapp.errors import Conflict, TokenInvalid
from authapp.models import (
    Activity,
    EndReason,
    PasswordResetRequest,
    User,
    VerificationType,
    db,
)
from authapp.models.transaction import transaction
from authapp.services.worker_queues import answer_all
from authapp.token_cache.records import VerificationTokenRecord


class Reset(NamedTuple):
    """Whose password was set, and the page of this site that was asked for before, or none.

    The page is stored, and not in the link: otherwise, anyone could choose a text for an email of
    ours.
    """

    user_id: UUID
    continue_to: str


def request(email: str, *, client: Client, continue_to: str = "") -> None:
    """Record a request for a link; a worker emails it if the address has an account.

    This function does not look for the account, so neither the response nor its time depends on
    there being one (ASVS 6.3.8). `continue_to` is the page of this site that the visitor asked for
    before, if any. Raises InputRefused for an invalid address, and TooManyAttempts for a client
    that asks too often.
    """
    address = parse_email(email)
    mail_limits.spend(client)
    if not mail_limits.allows_reset(address):
        return
    with transaction():
        db.session.add(
            PasswordResetRequest(
                email=address,
                address=client.address,
                user_agent=client.user_agent,
                continue_to=continue_to or None,
            )
        )


def send(user_id: UUID) -> None:
    """Email a link on behalf of an operator; raises Conflict if the account is disabled."""
    with transaction():
        user = account_status.lock(user_id)
        if user.disabled_at is not None:
            raise Conflict("the account is disabled: enable it first")
        _send(user, client=None, continue_to=None)


def answer_requests() -> int:
    """Email a link for every request whose address has an account; return how many there were.

    The link also verifies an address that was registered but never verified.
    """
    return answer_all(PasswordResetRequest, _answer)


def check(value: str) -> VerificationTokenRecord:
    """Return the link without consuming it.

    Raises TokenInvalid if the account is disabled or its address has changed, and what
    `one_time_tokens.require` raises.
    """
    record = one_time_tokens.require(value, VerificationType.PASSWORD_RESET)
    _require_receiver(db.session.get(User, record.user_id), record)
    return record


def reset(
    link: VerificationTokenRecord, new_password: str, *, revoke_tokens: bool, client: Client
) -> Reset:
    """Consume the link, set the password, and end every session.

    `link` comes from `check`. `revoke_tokens` revokes all API tokens, too. Those of an account
    whose address was never verified are always revoked: their creator may be someone else.

    Raises InputRefused for an unacceptable password, which does not consume the link; TokenInvalid
    if the account is disabled, or its address has changed or belongs to another account; and what
    `one_time_tokens.claim` raises.
    """
    hashed = passwords.hash_new_password(new_password, field="new_password", context=[link.target])
    with transaction():
        # A sign-in with the old password that runs at the same time finishes first, or is refused.
        user = _require_receiver(account_status.lock(link.user_id), link)
        continue_to = one_time_tokens.claim(link) or ""
        # A frozen account is usable again once it has a new password.
        user.frozen_at = None
        revoke_tokens |= user.email_verified_at is None
        passwords.replace(
            user, hashed, Activity.PASSWORD_RESET, revoke_tokens=revoke_tokens, client=client
        )
        sessions.end_all(user.id, EndReason.PASSWORD_CHANGED)
        if user.email_verified_at is None:
            emailed_links.own_address(user)
    return Reset(link.user_id, continue_to)


def _answer(asked: Row[Any]) -> None:
    user = find_account(asked.email)
    if user is not None and user.disabled_at is None:
        client = Client(asked.address, asked.user_agent)
        _send(user, client=client, continue_to=asked.continue_to)


def _send(user: User, *, client: Client | None, continue_to: str | None) -> None:
    """Add a link and its email to the transaction; `client` is None if an operator sends it.

    Earlier links stay valid until one is used, so that no one can invalidate an owner's link by
    requesting another.
    """
    settings = current_settings()
    lifetime = settings.accounts.password_reset_lifetime
    value = one_time_tokens.add(
        user,
        VerificationType.PASSWORD_RESET,
        target=user.email,
        lifetime=lifetime,
        continue_to=continue_to,
    )
    mail.enqueue(
        "password_reset",
        to=user.email,
        user_id=user.id,
        lifetime=lifetime,
        email=user.email,
        link=f"{settings.deployment.public_url}/password/reset/{value}",
        expires_minutes=int(lifetime.total_seconds() // 60),
        asked_at=clock.now(),
        address=client.address if client else None,
        device=device(client.user_agent) if client else None,
    )
    activity.note(user.id, Activity.PASSWORD_RESET_REQUESTED, client)


def _require_receiver(user: User | None, record: VerificationTokenRecord) -> User:
    """Return the account if it is enabled and still has the address that the link was sent to."""
    if user is None or user.disabled_at is not None or user.email_key != email_key(record.target):
        raise TokenInvalid("the account is disabled, or its address has changed")
    return user
