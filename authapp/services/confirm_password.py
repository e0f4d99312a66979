"""Confirming the password before a security change."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from authapp import clock
from authapp.config import current_settings
from authapp.domain import (
    account_status,
    activity,
    passwords,
    rate_limits,
    sessions,
    signing_keys,
)
from authapp.domain.client import Client
from authapp.domain.rate_limits import Limit
from authapp.domain.sessions import Identity, SignedIn
from authapp.errors import CredentialsRefused, NotFound
from authapp.models import Activity, User, db
from authapp.models.transaction import transaction

GUESSES: Final = Limit("confirm_password", most=10, within=timedelta(minutes=15))


def is_fresh(identity: Identity) -> bool:
    """Return whether the password was entered within PASSWORD_FRESHNESS (ASVS 7.5.1)."""
    return clock.now() - identity.auth_time < current_settings().accounts.password_freshness


def confirm_password(identity: Identity, password: str, *, client: Client) -> SignedIn:
    """Check the signed-in user's password, and return their session's next tokens.

    Raises CredentialsRefused, TooManyAttempts, or TokenRevoked for a session that has ended.
    """
    password_hash = require_password(identity.user_id, password)
    signer = signing_keys.signer()
    with transaction():
        require_unchanged(identity.user_id, password_hash)
        activity.note(identity.user_id, Activity.PASSWORD_CONFIRMED, client)
        session = sessions.prove_again(identity.session_id, client=client)
    return sessions.tokens_of(session, signer)


def require_password(user_id: UUID, password: str) -> str:
    """Return the hash of the user's password if `password` is correct; guesses are limited.

    Call it before the transaction, and `require_unchanged` inside it. Raises CredentialsRefused or
    TooManyAttempts.
    """
    passwords.require_room()
    rate_limits.spend(GUESSES, str(user_id))
    password_hash = db.session.scalar(select(User.password_hash).where(User.id == user_id))
    if password_hash is None:
        raise NotFound("no such account")
    if not passwords.verify_password(password_hash, password):
        raise CredentialsRefused("the password is wrong")
    return password_hash


def require_unchanged(user_id: UUID, password_hash: str) -> User:
    """Lock and return the account if it is active and still has the password that was verified.

    Deletes the failed guesses in the caller's transaction. Raises CredentialsRefused, and the
    errors of `account_status.require_active`.
    """
    user = account_status.require_active(user_id)
    if user.password_hash != password_hash:
        raise CredentialsRefused("the password was changed in the meantime")
    rate_limits.forgive(GUESSES, str(user_id))
    return user
