"""Requiring the current password of a signed-in user, where a code is not enough."""

from sqlalchemy import select

from authapp.domain import account_status, passwords
from authapp.domain.client import Client
from authapp.domain.sessions import Identity
from authapp.errors import CredentialsRefused, NotFound
from authapp.models import Activity, User, db
from authapp.services import session_guesses


def require_password(identity: Identity, password: str, *, client: Client) -> str:
    """Return the hash of the user's password if `password` is correct.

    Call this before the transaction, and `require_unchanged` inside it. Raises CredentialsRefused,
    or TokenRevoked if the session ends after too many guesses.
    """
    passwords.require_room()
    password_hash = db.session.scalar(select(User.password_hash).where(User.id == identity.user_id))
    if password_hash is None:
        raise NotFound("no such account")
    with session_guesses.counted(identity, Activity.PASSWORD_REFUSED, client=client):
        if not passwords.verify_password(password_hash, password):
            raise CredentialsRefused("the password is wrong")
    return password_hash


def require_unchanged(identity: Identity, password_hash: str) -> User:
    """Lock and return the account if it is active and still has the password that was verified.

    Deletes the failed guesses in the caller's transaction. Raises CredentialsRefused, and the
    errors of `account_status.require_active`.
    """
    user = account_status.require_active(identity.user_id)
    if user.password_hash != password_hash:
        raise CredentialsRefused("the password was changed in the meantime")
    session_guesses.forgive(identity)
    return user
