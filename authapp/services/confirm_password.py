"""Confirming the password before a security change."""

from typing import NoReturn

from sqlalchemy import select

from authapp import clock
from authapp.config import current_settings
from authapp.domain import (
    account_status,
    activity,
    passwords,
    rate_limits,
    security_notices,
    sessions,
    signing_keys,
)
from authapp.domain.client import Client
from authapp.domain.rate_limits import Count
from authapp.domain.sessions import Identity, SignedIn
from authapp.errors import CredentialsRefused, NotFound, TokenRevoked, TooManyAttempts
from authapp.models import Activity, EndReason, User, db
from authapp.models.transaction import transaction


def is_fresh(identity: Identity) -> bool:
    """Return whether the password was entered within PASSWORD_FRESHNESS (ASVS 7.5.1)."""
    return clock.now() - identity.auth_time < current_settings().accounts.password_freshness


def confirm_password(identity: Identity, password: str, *, client: Client) -> SignedIn:
    """Check the signed-in user's password, and return their session's next tokens.

    Raises CredentialsRefused, or TokenRevoked for a session that has ended.
    """
    password_hash = require_password(identity, password, client=client)
    signer = signing_keys.signer()
    with transaction():
        require_unchanged(identity, password_hash)
        activity.note(identity.user_id, Activity.PASSWORD_CONFIRMED, client)
        session = sessions.prove_again(identity.session_id, client=client)
    return sessions.tokens_of(session, signer)


def require_password(identity: Identity, password: str, *, client: Client) -> str:
    """Return the hash of the user's password if `password` is correct.

    After LIMIT_CONFIRM_PASSWORD wrong ones in a row, the session ends: it may have been stolen.
    Call this before the transaction, and `require_unchanged` inside it. Raises CredentialsRefused,
    or TokenRevoked if the session ends.
    """
    passwords.require_room()
    password_hash = db.session.scalar(select(User.password_hash).where(User.id == identity.user_id))
    if password_hash is None:
        raise NotFound("no such account")
    is_last = _spend(identity, client)
    with rate_limits.unless_overloaded([guesses_of(identity)]):
        is_correct = passwords.verify_password(password_hash, password)
    if not is_correct:
        _refuse(identity, client, is_last=is_last)
    return password_hash


def require_unchanged(identity: Identity, password_hash: str) -> User:
    """Lock and return the account if it is active and still has the password that was verified.

    Deletes the failed guesses in the caller's transaction. Raises CredentialsRefused, and the
    errors of `account_status.require_active`.
    """
    user = account_status.require_active(identity.user_id)
    if user.password_hash != password_hash:
        raise CredentialsRefused("the password was changed in the meantime")
    rate_limits.forgive(*guesses_of(identity))
    return user


def guesses_of(identity: Identity) -> Count:
    """Return what guesses in a session count against."""
    most = current_settings().limits.confirm_password
    # Longer than any session: only a correct password permits more guesses.
    return Count(rate_limits.in_a_row("confirm_password", most), str(identity.session_id))


def _spend(identity: Identity, client: Client) -> bool:
    """Count a guess, and return whether it is the last one."""
    try:
        return bool(rate_limits.spend_all([guesses_of(identity)]))
    except TooManyAttempts:
        # All guesses are used, but the session has not ended yet.
        _refuse(identity, client, is_last=True)


def _refuse(identity: Identity, client: Client, *, is_last: bool) -> NoReturn:
    subject = f"confirm {identity.session_id}"
    with transaction():
        activity.note_failure(subject, identity.user_id, Activity.PASSWORD_REFUSED, client)
        if is_last:
            _end_session(identity, client)
    if is_last:
        raise TokenRevoked(EndReason.PASSWORD_GUESSED)
    raise CredentialsRefused("the password is wrong")


def _end_session(identity: Identity, client: Client) -> None:
    if not sessions.end(identity.session_id, identity.user_id, EndReason.PASSWORD_GUESSED):
        return
    activity.note(identity.user_id, Activity.SIGNED_OUT_FOR_GUESSING, client)
    user = db.session.get_one(User, identity.user_id)
    failures = current_settings().limits.confirm_password
    security_notices.send(user, "password_guessed", client=client, failures=failures)
