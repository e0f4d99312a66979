"""Proving once more who is signed in, before what guards the account is changed."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authapp import clock
from authapp.config import current_settings
from authapp.errors import CredentialsRefused, NotFound
from authapp.models import Activity, User, db
from authapp.security.passwords import verify_password
from authapp.services import activity, attempts, refresh
from authapp.services.attempts import Limit
from authapp.services.origin import Origin
from authapp.services.sessions import Identity, SignedIn

GUESSES: Final = Limit("confirm_password", most=10, within=timedelta(minutes=15))


def is_fresh(identity: Identity) -> bool:
    """Tell whether the password was entered a short while ago (ASVS 7.5.1)."""
    return clock.now() - identity.auth_time < current_settings().password_freshness


def confirm_password(identity: Identity, password: str, *, origin: Origin) -> SignedIn:
    """Check the password of whoever is signed in, and return their session's next tokens.

    Raises CredentialsRefused, TooManyAttempts, or TokenRevoked for a session that has ended.
    """
    require_password(identity.user_id, password)
    activity.note(identity.user_id, Activity.PASSWORD_CONFIRMED, origin)
    return refresh.prove_again(identity.session_id, origin=origin)


def require_password(user_id: UUID, password: str) -> User:
    """Return the account if the password is its own; a limit counts the guesses.

    Raises CredentialsRefused or TooManyAttempts.
    """
    attempts.spend(GUESSES, str(user_id))
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("no such account")
    if not verify_password(user.password_hash, password):
        raise CredentialsRefused("the password is wrong")
    attempts.forgive(GUESSES, str(user_id))
    return user
