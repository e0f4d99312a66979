"""Changing one's password, with the present one."""

from authapp.errors import CredentialsRefused, InputRefused, TokenRevoked
from authapp.models import Activity, EndReason, RefreshToken, db
from authapp.services import account, passwords, sessions, standing
from authapp.services.confirm_password import require_password
from authapp.services.origin import Origin
from authapp.services.sessions import Identity, SignedIn


def change_password(
    identity: Identity, current: str, new: str, *, end_others: bool, origin: Origin
) -> SignedIn:
    """Put a new password in place, and return the tokens of the session that goes on.

    That is another one than before (ASVS 7.2.4); `end_others` ends all others. Raises InputRefused
    for a new password that is not acceptable, CredentialsRefused or TooManyAttempts for the present
    one, and TokenRevoked for a session that has ended meanwhile.
    """
    if new == current:
        raise InputRefused("new_password", "unchanged")
    email = account.get_account(identity.user_id).email
    # Hashed first: the password of whoever is refused for it is not even looked at.
    hashed = passwords.hash_new_password(new, field="new_password", context=[email])
    checked = require_password(identity.user_id, current).password_hash
    user = standing.require_standing(identity.user_id)
    if user.password_hash != checked:
        db.session.rollback()
        raise CredentialsRefused("the password has just been changed")
    passwords.replace(user, hashed, Activity.PASSWORD_CHANGED, origin=origin)
    session = db.session.get(RefreshToken, identity.session_id)
    if session is None or not sessions.end(session.id, identity.user_id, EndReason.REPLACED):
        db.session.rollback()
        raise TokenRevoked(EndReason.SIGNED_OUT)
    if end_others:
        sessions.end_all(identity.user_id, EndReason.PASSWORD_CHANGED)
    return sessions.begin(identity.user_id, remember=session.remember, origin=origin)
