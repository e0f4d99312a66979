"""Confirming that the user of a session is still its owner, before sensitive changes.

Each way is one function, and all of them count their guesses together (`session_guesses`). Recovery
codes do not count: they are for a lost phone, and a user who is signed in has the password.
"""

from enum import StrEnum
from typing import Final

from authapp import clock
from authapp.config import current_settings
from authapp.domain import account_status, activity, sessions, signing_keys
from authapp.domain.client import Client
from authapp.domain.factors import (
    authentication_methods,
    authenticator_apps,
    lost_factors,
    second_factors,
)
from authapp.domain.factors.passkeys import claim, list_usable
from authapp.domain.roles import ADMIN
from authapp.domain.sessions import Identity, SignedIn
from authapp.errors import CredentialsRefused, InputRefused
from authapp.models import Activity, EndReason
from authapp.models.transaction import transaction
from authapp.services import passkeys, session_guesses
from authapp.services.current_password import require_password, require_unchanged


class Way(StrEnum):
    """What a user can confirm with; also the name of its field."""

    PASSWORD = "password"
    CODE = "code"
    PASSKEY = "passkey"


_METHODS: Final = {
    Way.PASSWORD: authentication_methods.PASSWORD,
    Way.CODE: authentication_methods.ONE_TIME_PASSWORD,
    Way.PASSKEY: authentication_methods.PASSKEY,
}


def is_fresh(identity: Identity) -> bool:
    """Return whether the user confirmed or signed in within PASSWORD_FRESHNESS (ASVS 7.5.1).

    An emailed code does not count: a mailbox is not a factor.
    """
    if not authentication_methods.is_factor(identity.amr):
        return False
    return clock.now() - identity.auth_time < current_settings().accounts.password_freshness


def lacks_factor(identity: Identity) -> bool:
    """Return whether an administrator needs a second factor and this session has used none.

    It may have begun before the role needed one, or on a remembered device.
    """
    if ADMIN not in identity.roles or not second_factors.is_required(identity.roles):
        return False
    return authentication_methods.SEVERAL_FACTORS not in identity.amr


def ways(identity: Identity) -> list[Way]:
    """Return the ways in which the user of a session can confirm.

    If the session lacks a factor, they are those that add it, unless the account has none. Before
    that, the password refreshes the session: it is enough for all but the operators' pages.
    """
    found = _open_ways(identity)
    if not (is_fresh(identity) and lacks_factor(identity)):
        return found
    return [way for way in found if _adds_factor(identity, way)] or found


def end_without_factor(identity: Identity) -> bool:
    """End a session that lacks a factor which it cannot add, and return whether it was one.

    Its user sets one up, or uses a recovery code, when signing in again.
    """
    if any(_adds_factor(identity, way) for way in _open_ways(identity)):
        return False
    with transaction():
        account_status.lock(identity.user_id)
        sessions.end(identity.session_id, identity.user_id, EndReason.SIGNED_OUT_BY_OPERATOR)
    return True


def _open_ways(identity: Identity) -> list[Way]:
    open_ways = {
        Way.PASSWORD: True,
        Way.CODE: authenticator_apps.is_in_use(identity.user_id),
        Way.PASSKEY: bool(list_usable(identity.user_id)),
    }
    return [way for way, is_open in open_ways.items() if is_open]


def _adds_factor(identity: Identity, way: Way) -> bool:
    after = authentication_methods.add(" ".join(identity.amr), _METHODS[way])
    return authentication_methods.SEVERAL_FACTORS in after.split()


def confirm_password(identity: Identity, password: str, *, client: Client) -> SignedIn:
    """Check the user's password, and return their session's next tokens.

    Raises InputRefused for a wrong one, TokenRevoked if the session has ended, and Overloaded.
    """
    try:
        signer = signing_keys.signer()
        password_hash = require_password(identity, password, client=client)
        with transaction():
            require_unchanged(identity, password_hash)
            activity.note(identity.user_id, Activity.PASSWORD_CONFIRMED, client)
            session = sessions.prove_again(
                identity.session_id, authentication_methods.PASSWORD, client=client
            )
    except CredentialsRefused as refusal:
        raise InputRefused("password", "wrong") from refusal
    return sessions.tokens_of(session, signer)


def confirm_code(identity: Identity, typed: str, *, client: Client) -> SignedIn:
    """Check a code of the user's authenticator app, and return their session's next tokens.

    The code also counts against the limits of sign-in. Raises InputRefused for a wrong or used
    code, TooManyAttempts, and TokenRevoked if the session has ended.
    """
    code, signer = authenticator_apps.read_code(typed), signing_keys.signer()
    with session_guesses.counted(identity, Activity.CODE_REFUSED, client=client):
        proof = authenticator_apps.check(identity.user_id, code)
    with transaction():
        user = account_status.require_active(identity.user_id)
        second_factors.claim(proof)
        lost_factors.prove(user, client, identity.amr)
        session_guesses.forgive(identity)
        activity.note(identity.user_id, Activity.CODE_CONFIRMED, client)
        session = sessions.prove_again(
            identity.session_id, authentication_methods.ONE_TIME_PASSWORD, client=client
        )
    return sessions.tokens_of(session, signer)


def confirm_passkey(identity: Identity, answer: str, *, browser: str, client: Client) -> SignedIn:
    """Check the answer to `passkeys.begin_check`, and return the session's next tokens.

    Failures do not end the session, because a signature cannot be guessed. Raises InputRefused,
    TooManyAttempts, and TokenRevoked if the session has ended.
    """
    signer = signing_keys.signer()
    try:
        proof = passkeys.check(identity, answer, browser=browser, client=client)
        with transaction():
            user = account_status.require_active(identity.user_id)
            claim(proof)
            lost_factors.prove(user, client, identity.amr)
            session_guesses.forgive(identity)
            activity.note(identity.user_id, Activity.PASSKEY_CONFIRMED, client)
            session = sessions.prove_again(
                identity.session_id, authentication_methods.PASSKEY, client=client
            )
    except CredentialsRefused as refusal:
        raise InputRefused("passkey", "wrong") from refusal
    return sessions.tokens_of(session, signer)
