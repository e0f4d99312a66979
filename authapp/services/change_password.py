"""Changing a password; the current one is required."""

from authapp.domain import passwords, sessions, signing_keys
from authapp.domain.client import Client
from authapp.domain.factors import authentication_methods
from authapp.domain.sessions import Identity, SignedIn
from authapp.errors import InputRefused, TokenRevoked
from authapp.models import Activity, EndReason, RefreshToken, db
from authapp.models.transaction import transaction
from authapp.services import account
from authapp.services.current_password import require_password, require_unchanged


def change_password(
    identity: Identity,
    current: str,
    new: str,
    *,
    end_others: bool,
    revoke_tokens: bool,
    client: Client,
) -> SignedIn:
    """Change the password, and return the tokens of a new session (ASVS 7.2.4).

    `end_others` ends all other sessions, and `revoke_tokens` revokes all API tokens. Raises
    InputRefused for an unacceptable new password, CredentialsRefused for the current one, and
    TokenRevoked if the session ends or has ended.
    """
    if new == current:
        raise InputRefused("new_password", "unchanged")
    email = account.get_account(identity.user_id).email
    # An unacceptable new password is refused before the current one counts as a guess.
    hashed = passwords.hash_new_password(new, field="new_password", context=[email])
    signer = signing_keys.signer()
    password_hash = require_password(identity, current, client=client)
    with transaction():
        user = require_unchanged(identity, password_hash)
        passwords.replace(
            user, hashed, Activity.PASSWORD_CHANGED, revoke_tokens=revoke_tokens, client=client
        )
        replaced = db.session.get(RefreshToken, identity.session_id)
        if replaced is None or not sessions.end(replaced.id, identity.user_id, EndReason.REPLACED):
            raise TokenRevoked(EndReason.SIGNED_OUT)
        if end_others:
            sessions.end_all(identity.user_id, EndReason.PASSWORD_CHANGED)
        session = sessions.begin(
            user,
            remember=replaced.remember,
            client=client,
            amr=authentication_methods.add(replaced.amr, authentication_methods.PASSWORD),
        )
    return sessions.tokens_of(session, signer)
