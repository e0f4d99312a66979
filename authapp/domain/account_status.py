"""Account status: whether an account may be used, checked under a lock on it."""

from uuid import UUID

from sqlalchemy import update

from authapp.errors import (
    AccountClosing,
    AccountDisabled,
    AccountFrozen,
    NotAllowed,
    NotFound,
)
from authapp.models import User, db


def lock(user_id: UUID) -> User:
    """Lock and return the account; no other transaction changes it until this one ends.

    Hold this lock to start a session or create a token, and to close the account. Without it, a
    session that starts while the account is being closed would stay active. Raises NotFound.
    """
    # An UPDATE that changes nothing: it locks the row on PostgreSQL and the file on SQLite.
    locked = (
        update(User)
        .where(User.id == user_id)
        .values(created_at=User.created_at)
        .returning(User)
        .execution_options(populate_existing=True, synchronize_session=False)
    )
    user = db.session.scalars(locked).one_or_none()
    if user is None:
        raise NotFound("no such account")
    return user


def require_active(user_id: UUID) -> User:
    """Lock and return the account if it is active.

    Raises NotFound, AccountDisabled, AccountFrozen or AccountClosing.
    """
    user = lock(user_id)
    refusal = _refusal(user)
    if refusal is not None:
        raise refusal
    return user


def is_active(user: User) -> bool:
    """Return whether a locked account may be used."""
    return _refusal(user) is None


def _refusal(user: User) -> NotAllowed | None:
    if user.disabled_at is not None:
        return AccountDisabled("an operator has disabled the account")
    if user.frozen_at is not None:
        return AccountFrozen("frozen until its owner chooses a new password")
    if user.delete_at is not None:
        return AccountClosing(user.id)
    return None
