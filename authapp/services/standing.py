"""Whether an account may be used, asked where nothing can change it meanwhile."""

from uuid import UUID

from sqlalchemy import update

from authapp.config import EVERYTHING, current_settings
from authapp.errors import (
    AccountClosing,
    AccountDisabled,
    AccountFrozen,
    AddressUnverified,
    NotAllowed,
    NotFound,
)
from authapp.models import User, db


def take(user_id: UUID) -> User:
    """Return the account as it stands; nobody else changes it until the transaction ends.

    Whoever begins something for an account (a session, a token) and whoever closes it take turns
    here; otherwise what is begun at the same moment would live on. Raises NotFound.
    """
    # An UPDATE of nothing: it locks the row on PostgreSQL, and takes SQLite's turn to write.
    taken = (
        update(User)
        .where(User.id == user_id)
        .values(created_at=User.created_at)
        .returning(User)
        .execution_options(populate_existing=True, synchronize_session=False)
    )
    user = db.session.scalars(taken).one_or_none()
    if user is None:
        raise NotFound("no such account")
    return user


def require_standing(user_id: UUID) -> User:
    """Take the account if it may be used, or roll back.

    Raises NotFound, AccountDisabled, AccountFrozen or AccountClosing.
    """
    user = take(user_id)
    refusal = _refusal(user)
    if refusal is not None:
        db.session.rollback()
        raise refusal
    return user


def may_do_everything(user_id: UUID) -> bool:
    """Tell whether an account's address is verified, or need not be."""
    if current_settings().unverified_may == EVERYTHING:
        return True
    user = db.session.get(User, user_id)
    return user is not None and user.email_verified_at is not None


def require_verified(user_id: UUID) -> User:
    """Take the account if it may be used for more than looking at it, or roll back.

    Raises AddressUnverified, and what `require_standing` raises.
    """
    user = require_standing(user_id)
    if not may_do_everything(user_id):
        db.session.rollback()
        raise AddressUnverified("the address is not verified yet")
    return user


def _refusal(user: User) -> NotAllowed | None:
    if user.disabled_at is not None:
        return AccountDisabled("an operator has disabled the account")
    if user.frozen_at is not None:
        return AccountFrozen("frozen until its owner chooses a new password")
    if user.delete_at is not None:
        return AccountClosing(user.id)
    return None
