"""Signing in with an e-mail address and a password."""

from uuid import UUID

from sqlalchemy import exists, select

from authapp import clock
from authapp.errors import CredentialsRefused, DomainError
from authapp.models import Activity, ActivityEvent, EndReason, User, db
from authapp.security.passwords import hash_password, needs_rehash, verify_password
from authapp.services import activity, known_devices, notices, sessions, sign_in_limits
from authapp.services.email_addresses import find_owner
from authapp.services.origin import Origin
from authapp.services.purge import ACTIVITY_KEPT
from authapp.services.sessions import Identity, SignedIn
from authapp.services.standing import require_standing


def sign_in(
    email: str,
    password: str,
    *,
    remember: bool,
    origin: Origin,
    device: str = "",
    instead_of: Identity | None = None,
) -> SignedIn:
    """Begin a session, and end the one that it takes the place of.

    `device` is what the client keeps of `known_devices`; its owner is mailed where it is not
    known. Raises CredentialsRefused for a wrong password, an unknown address and a disabled account
    alike, in the same time (ASVS 6.3.8); AccountFrozen and AccountClosing to whoever knows the
    password; and TooManyAttempts.
    """
    attempt = sign_in_limits.spend(email, device, origin)
    user = _require_password(email, password, origin)
    sign_in_limits.forgive(attempt)
    if not known_devices.knows(device, user.id) and not _is_first_sign_in(user):
        notices.send(user, "new_device", origin=origin)
    activity.note(user.id, Activity.SIGNED_IN, origin)
    if instead_of is not None:
        # One client has one session: the former one would live on unseen.
        sessions.end(instead_of.session_id, instead_of.user_id, EndReason.REPLACED)
    return sessions.begin(user.id, remember=remember, origin=origin)


def _require_password(email: str, password: str, origin: Origin) -> User:
    """Take the account if the password is its own."""
    user = find_owner(email)
    kept = user.password_hash if user is not None else None
    if not verify_password(kept, password) or user is None or not _opens(user):
        # Noted for an unknown address too, which must take no less time.
        _note_refusal(user.id if user else None, origin)
        raise CredentialsRefused("the address or the password is wrong")
    rehashed = hash_password(password) if needs_rehash(user.password_hash) else None
    user = _take(user.id, user.password_hash, origin)
    user.password_hash = rehashed or user.password_hash
    return user


def _is_first_sign_in(user: User) -> bool:
    """Tell whether nobody has signed in to a new account yet.

    What is noted is not kept for ever: an old account, long unused, is no new one.
    """
    signed_in = exists().where(
        ActivityEvent.user_id == user.id, ActivityEvent.activity == Activity.SIGNED_IN
    )
    is_new = user.created_at > clock.now() - ACTIVITY_KEPT
    return is_new and not db.session.scalar(select(signed_in))


def _opens(user: User) -> bool:
    """Tell whether an account is neither disabled nor about to go."""
    is_over = user.delete_at is not None and user.delete_at <= clock.now()
    return user.disabled_at is None and not is_over


def _take(user_id: UUID, password_hash: str, origin: Origin) -> User:
    """Take the account, unless it was closed or its password changed while ours was checked."""
    try:
        user = require_standing(user_id)
        if user.password_hash != password_hash:
            raise CredentialsRefused("the password has just been changed")
    except DomainError:
        db.session.rollback()
        _note_refusal(user_id, origin)
        raise
    return user


def _note_refusal(user_id: UUID | None, origin: Origin) -> None:
    activity.note(user_id, Activity.SIGN_IN_REFUSED, origin)
    db.session.commit()
