"""Deleting an account: closed at once, restorable for a grace period, then deleted."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import delete as delete_rows
from sqlalchemy import func, or_, select

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail, outbox
from authapp.domain import (
    account_status,
    activity,
    audit,
    one_time_tokens,
    pending_sign_ins,
    security_notices,
    sessions,
    sign_ins,
    signing_keys,
)
from authapp.domain.client import Client
from authapp.domain.revoke_all import revoke_all
from authapp.domain.sessions import Identity, SignedIn
from authapp.errors import NotFound, TokenInvalid
from authapp.models import (
    Activity,
    EmailSignInRequest,
    EndReason,
    OutboxMessage,
    PasswordResetRequest,
    User,
    VerificationType,
    db,
    delete_user,
)
from authapp.models.transaction import transaction
from authapp.services.current_password import require_password, require_unchanged

log = structlog.get_logger(__name__)

KEEP_TOKEN_LIFETIME: Final = timedelta(minutes=15)
"""How long after entering the password a user may restore the account without it."""

_LAST_MESSAGE_WAIT: Final = timedelta(days=1)
"""How long an undelivered message delays the deletion of its recipient's account."""


def close(identity: Identity, password: str, *, client: Client) -> datetime:
    """Close the account, revoke everything in it, and return when it will be deleted.

    Raises CredentialsRefused for the password, and TokenRevoked if the session ends.
    """
    password_hash = require_password(identity, password, client=client)
    grace = current_settings().accounts.deletion_grace
    delete_at = clock.now() + grace
    with transaction():
        user = require_unchanged(identity, password_hash)
        user.delete_at = delete_at
        revoke_all(user.id, EndReason.ACCOUNT_CLOSED)
        activity.note(user.id, Activity.ACCOUNT_CLOSED, client)
        if grace:
            security_notices.send(
                user,
                "account_closing",
                client=client,
                delete_at=delete_at,
                sign_in_link=f"{current_settings().deployment.public_url}/login",
            )
        else:
            mail.enqueue("account_deleted", to=user.email, user_id=user.id, email=user.email)
    return delete_at


def issue_keep_token(user_id: UUID) -> str:
    """Return a value for `keep`, which proves that the password was just entered."""
    with transaction():
        user = account_status.lock(user_id)
        return one_time_tokens.issue(
            user, VerificationType.KEEP_ACCOUNT, target=user.email, lifetime=KEEP_TOKEN_LIFETIME
        )


def check_offer(value: str) -> datetime:
    """Return when the account will be deleted, without consuming the offer.

    Raises the errors of `keep`.
    """
    record = one_time_tokens.require(value, VerificationType.KEEP_ACCOUNT)
    return _require_closing(db.session.get(User, record.user_id))


def keep(value: str, *, client: Client) -> SignedIn:
    """Cancel the deletion of the account, and sign its owner in.

    Raises TokenInvalid, TokenExpired, TokenUsed or TokenRevoked; and SecondFactorRequired once the
    account is kept, if its owner has or needs a second factor.
    """
    record = one_time_tokens.require(value, VerificationType.KEEP_ACCOUNT)
    signer = signing_keys.signer()
    with transaction():
        user = account_status.lock(record.user_id)
        _require_closing(user)
        one_time_tokens.claim(record)
        user.delete_at = None
        activity.note(user.id, Activity.ACCOUNT_KEPT, client)
        security_notices.send(user, "account_kept", client=client)
        missing = pending_sign_ins.missing_step(user, remember=False)
        begun = missing or sessions.begin(user, remember=False, client=client)
    return sign_ins.finish(begun, signer)


def delete(user_id: UUID) -> None:
    """Delete an account at once, with everything about it in the database and the cache.

    Raises NotFound.
    """
    with transaction():
        _delete(account_status.lock(user_id))
    log.info("account_deleted", user_id=user_id)


def delete_due() -> int:
    """Delete the accounts whose grace period has ended, and return how many.

    An account's last message is delivered first, because its address is deleted with it.
    """
    now = clock.now()
    waiting = select(OutboxMessage.id).where(OutboxMessage.user_id == User.id, outbox.waits())
    due = (
        select(User.id)
        .where(User.delete_at <= now)
        .where(or_(~waiting.exists(), User.delete_at <= now - _LAST_MESSAGE_WAIT))
    )
    return sum(_try_delete(user_id) for user_id in db.session.scalars(due).all())


def _try_delete(user_id: UUID) -> bool:
    try:
        with transaction():
            user = account_status.lock(user_id)
            if user.delete_at is None or user.delete_at > clock.now():
                # Its owner has just restored it.
                return False
            _delete(user)
    except NotFound:
        # Another worker has just deleted it.
        return False
    log.info("account_deleted", user_id=user_id)
    return True


def _delete(user: User) -> None:
    # These requests refer to an address, not to an account.
    for queue in (PasswordResetRequest, EmailSignInRequest):
        is_theirs = func.lower(queue.email) == user.email.lower()
        db.session.execute(delete_rows(queue).where(is_theirs))
    audit.record("account_deleted", account_id=user.id)
    if not delete_user(user.id):
        raise NotFound("no such account")


def _require_closing(user: User | None) -> datetime:
    """Return when an account will be deleted; raises TokenInvalid if it will not be."""
    is_usable = user is not None and not user.disabled_at and not user.frozen_at
    if user is None or not is_usable or user.delete_at is None or user.delete_at <= clock.now():
        raise TokenInvalid("the account is not going to be deleted")
    return user.delete_at
