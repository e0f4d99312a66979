"""Signing in with an email address and a password."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import exists, select

from authapp import clock
from authapp.domain import (
    activity,
    known_devices,
    passwords,
    security_notices,
    sessions,
    sign_in_limits,
    signing_keys,
)
from authapp.domain.account_status import require_active
from authapp.domain.activity import KEPT as ACTIVITY_KEPT
from authapp.domain.client import Client
from authapp.domain.email_addresses import find_owner
from authapp.domain.sessions import Identity, SignedIn
from authapp.errors import CredentialsRefused, DomainError
from authapp.models import Activity, ActivityEvent, EndReason, User, db
from authapp.models.transaction import transaction
from authapp.security.passwords import needs_rehash


class _Credentials(NamedTuple):
    user_id: UUID | None
    password_hash: str | None


def sign_in(
    email: str,
    password: str,
    *,
    remember: bool,
    client: Client,
    device: str = "",
    instead_of: Identity | None = None,
) -> SignedIn:
    """Start a session and end the one that it replaces.

    `device` is the client's device cookie (`known_devices`); the user gets an email if it is
    unknown. Raises CredentialsRefused for a wrong password, an unknown address and a disabled
    account alike, after the same time (ASVS 6.3.8); AccountFrozen and AccountClosing only if the
    password is correct; TooManyAttempts; and Overloaded, which does not count as an attempt.
    """
    passwords.require_room()
    attempt = sign_in_limits.spend(email, device, client)
    user_id, password_hash = _credentials(email)
    is_correct = passwords.verify_password(password_hash, password)
    if not is_correct or user_id is None or password_hash is None:
        # Recorded for unknown addresses too, so that the refusal takes the same time.
        _note_refusal(user_id, client)
        raise CredentialsRefused("the address or the password is wrong")
    new_hash = passwords.hash_password(password) if needs_rehash(password_hash) else password_hash
    signer = signing_keys.signer()
    try:
        with transaction():
            user = _require_unchanged(user_id, password_hash)
            user.password_hash = new_hash
            sign_in_limits.forgive(attempt)
            if not known_devices.knows(device, user.id) and not _is_first_sign_in(user):
                security_notices.send(user, "new_device", client=client)
            activity.note(user.id, Activity.SIGNED_IN, client)
            if instead_of is not None:
                # A client has one session; the replaced one would stay active unnoticed.
                sessions.end(instead_of.session_id, instead_of.user_id, EndReason.REPLACED)
            session = sessions.begin(user.id, remember=remember, client=client)
    except DomainError:
        _note_refusal(user_id, client)
        raise
    return sessions.tokens_of(session, signer)


def _credentials(email: str) -> _Credentials:
    """Return the account at an address, with its password hash if it allows sign-in."""
    user = find_owner(email)
    if user is None:
        return _Credentials(None, None)
    is_deleted = user.delete_at is not None and user.delete_at <= clock.now()
    may_sign_in = user.disabled_at is None and not is_deleted
    return _Credentials(user.id, user.password_hash if may_sign_in else None)


def _require_unchanged(user_id: UUID, password_hash: str) -> User:
    """Lock the account; it may have been closed, or its password changed, in the meantime."""
    user = require_active(user_id)
    if user.password_hash != password_hash:
        raise CredentialsRefused("the password was changed in the meantime")
    return user


def _is_first_sign_in(user: User) -> bool:
    """Return True if the account is new and no one has signed in to it yet.

    Old activity is deleted, so an old account without a recorded sign-in may have had one.
    """
    signed_in = exists().where(
        ActivityEvent.user_id == user.id, ActivityEvent.activity == Activity.SIGNED_IN
    )
    is_new = user.created_at > clock.now() - ACTIVITY_KEPT
    return is_new and not db.session.scalar(select(signed_in))


def _note_refusal(user_id: UUID | None, client: Client) -> None:
    with transaction():
        activity.note(user_id, Activity.SIGN_IN_REFUSED, client)
