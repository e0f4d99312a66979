"""Signing in with an e-mail address and a password."""

from sqlalchemy import select

from authapp.errors import CredentialsRefused, InputRefused
from authapp.models import Activity, User, db
from authapp.security.passwords import hash_password, needs_rehash, verify_password
from authapp.services import activity, sessions
from authapp.services.email_addresses import email_key, parse_email
from authapp.services.origin import Origin
from authapp.services.sessions import SignedIn
from authapp.token_cache import token_cache


def sign_in(email: str, password: str, *, remember: bool, origin: Origin) -> SignedIn:
    """Begin a session.

    Raises CredentialsRefused for a wrong password, an unknown address and a disabled account
    alike, in the same time (ASVS 6.3.8).
    """
    user = _find(email)
    kept = user.password_hash if user is not None else None
    if not verify_password(kept, password) or user is None or user.disabled_at is not None:
        # Noted for an unknown address too, which must take no less time.
        activity.note(user.id if user else None, Activity.SIGN_IN_REFUSED, origin)
        db.session.commit()
        raise CredentialsRefused("the address or the password is wrong")
    activity.note(user.id, Activity.SIGNED_IN, origin)
    if needs_rehash(user.password_hash):
        user.password_hash = hash_password(password)
    signed_in = sessions.begin(user.id, remember=remember, origin=origin)
    token_cache.warm_user(signed_in.identity.user_id)
    return signed_in


def _find(email: str) -> User | None:
    try:
        key = email_key(parse_email(email))
    except InputRefused:
        return None
    return db.session.scalars(select(User).where(User.email_key == key)).one_or_none()
