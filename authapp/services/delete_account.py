"""Deleting an account: closed at once, kept for a while in case of regret, then gone."""

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, or_, select

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail, outbox
from authapp.errors import CredentialsRefused, NotFound, TokenInvalid
from authapp.models import (
    Activity,
    EndReason,
    OutboxMessage,
    PasswordResetRequest,
    User,
    VerificationType,
    db,
    delete_user,
)
from authapp.services import activity, notices, sessions, standing, verification
from authapp.services.confirm_password import require_password
from authapp.services.endings import end_everything
from authapp.services.origin import Origin
from authapp.services.sessions import Identity, SignedIn

log = logging.getLogger(__name__)

OFFER: Final = timedelta(minutes=15)
"""How long whoever has just entered the password may keep the account without doing so again."""

_FAREWELL: Final = timedelta(days=1)
"""How long a message that cannot be delivered holds up the deletion of whom it is for."""


def close(identity: Identity, password: str, *, origin: Origin) -> datetime:
    """Close the account, end all that is in use of it, and return when it will be deleted.

    Raises CredentialsRefused or TooManyAttempts for the password.
    """
    checked = require_password(identity.user_id, password).password_hash
    user = standing.require_standing(identity.user_id)
    if user.password_hash != checked:
        db.session.rollback()
        raise CredentialsRefused("the password has just been changed")
    grace = current_settings().account_deletion_grace
    delete_at = user.delete_at = clock.now() + grace
    end_everything(user.id, EndReason.ACCOUNT_CLOSED)
    activity.note(user.id, Activity.ACCOUNT_CLOSED, origin)
    if grace:
        notices.send(user, "account_closing", origin=origin, delete_at=delete_at)
    else:
        mail.enqueue("account_deleted", to=user.email, user_id=user.id, email=user.email)
    db.session.commit()
    return delete_at


def offer_to_keep(user_id: UUID) -> str:
    """Return what `keep` takes: proof, for a short while, that the password was just entered."""
    user = standing.take(user_id)
    value = verification.issue(
        user, VerificationType.KEEP_ACCOUNT, target=user.email, lifetime=OFFER
    )
    db.session.commit()
    return value


def check_offer(value: str) -> datetime:
    """Return when the account will be deleted, and use nothing up; raises what `keep` raises."""
    record = verification.require(value, VerificationType.KEEP_ACCOUNT)
    return _require_closing(db.session.get(User, record.user_id))


def keep(value: str, *, origin: Origin) -> SignedIn:
    """Keep the account after all, and sign its owner in.

    Raises TokenInvalid, TokenExpired, TokenUsed or TokenRevoked.
    """
    record = verification.require(value, VerificationType.KEEP_ACCOUNT)
    user = standing.take(record.user_id)
    _require_closing(user)
    verification.claim(value, VerificationType.KEEP_ACCOUNT)
    user.delete_at = None
    activity.note(user.id, Activity.ACCOUNT_KEPT, origin)
    notices.send(user, "account_kept", origin=origin)
    return sessions.begin(user.id, remember=False, origin=origin)


def delete(user_id: UUID) -> None:
    """Delete an account with every trace of it, from the database and the cache, now.

    Raises NotFound.
    """
    email = standing.take(user_id).email
    _delete(user_id, email)


def delete_due() -> int:
    """Delete the accounts whose grace is over, and return how many.

    The last message to somebody is delivered first: afterwards nobody knows their address.
    """
    now = clock.now()
    waiting = select(OutboxMessage.id).where(OutboxMessage.user_id == User.id, outbox.waits())
    due = (
        select(User.id)
        .where(User.delete_at <= now)
        .where(or_(~waiting.exists(), User.delete_at <= now - _FAREWELL))
    )
    return sum(_delete_if_due(user_id) for user_id in db.session.scalars(due).all())


def _delete_if_due(user_id: UUID) -> bool:
    try:
        user = standing.take(user_id)
    except NotFound:
        # Another worker was faster.
        db.session.rollback()
        return False
    if user.delete_at is None or user.delete_at > clock.now():
        db.session.rollback()
        return False
    _delete(user_id, user.email)
    return True


def _delete(user_id: UUID, email: str) -> None:
    # These name an address and no account.
    db.session.execute(
        delete_rows(PasswordResetRequest).where(
            func.lower(PasswordResetRequest.email) == email.lower()
        )
    )
    if not delete_user(user_id):
        raise NotFound("no such account")
    db.session.commit()
    log.info("account %s was deleted", user_id)


def _require_closing(user: User | None) -> datetime:
    """Return when an account will be deleted; raises TokenInvalid for one that will not be."""
    closes = user is not None and not user.disabled_at and not user.frozen_at
    if user is None or not closes or user.delete_at is None or user.delete_at <= clock.now():
        db.session.rollback()
        raise TokenInvalid("nothing of this account will be deleted")
    return user.delete_at
