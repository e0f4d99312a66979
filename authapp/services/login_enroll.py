"""Setting up the first second factor while signing in, where SECOND_FACTOR requires one.

The user has only entered the password so far: they get a session once the factor works.
"""

from typing import Any, NamedTuple
from uuid import UUID

from authapp import metrics
from authapp.domain import pending_sign_ins, sessions, sign_ins, signing_keys
from authapp.domain.account_status import require_active
from authapp.domain.factors import second_factors
from authapp.domain.factors.authentication_methods import Factor
from authapp.domain.pending_sign_ins import PendingSignIn
from authapp.domain.sessions import SignedIn
from authapp.domain.sign_ins import SignInDevice
from authapp.errors import NotAllowed
from authapp.models import User
from authapp.models.transaction import transaction
from authapp.services import passkeys
from authapp.services import second_factors as service
from authapp.services.second_factors import Enrollment


class Enrolled(NamedTuple):
    """The tokens of the new session, and the recovery codes, which are shown once."""

    signed_in: SignedIn
    codes: list[str]


def require(value: str) -> UUID:
    """Return whose pending sign-in it is, if it has to set up a factor.

    Raises TokenInvalid or TokenExpired if the password must be entered again, and NotAllowed if it
    was not entered, no factor is required, or the account has one: it is asked for instead.
    """
    pending = pending_sign_ins.require(value)
    _require_allowed(pending)
    return pending.user_id


def begin(value: str) -> None:
    """Generate the secret of an app; raises what `require` and `require_active` raise."""
    pending = pending_sign_ins.require(value)
    with transaction():
        _require_user(pending)
        service.add_secret(pending.user_id)


def get_enrollment(value: str) -> Enrollment:
    """Return the enrollment that was begun; raises NotFound, and what `require` raises."""
    return service.get_enrollment(require(value))


@metrics.outcomes(metrics.SIGN_INS)
def confirm(value: str, typed: str, *, device: SignInDevice) -> Enrolled:
    """Enable the app with a code from it, and start the session of a pending sign-in.

    Raises InputRefused for a wrong code, NotFound if no enrollment was begun, and what `begin`
    raises.
    """
    pending = pending_sign_ins.require(value)
    _require_allowed(pending)
    first = service.check_first_code(pending.user_id, typed)
    signer = signing_keys.signer()
    with transaction():
        user = _require_user(pending)
        service.enable(user, first, client=device.client)
        session = sign_ins.complete(pending, user, Factor.AUTHENTICATOR_APP, device=device)
    return Enrolled(sessions.tokens_of(session, signer), first.codes.texts)


def begin_passkey(value: str, *, browser: str) -> dict[str, Any]:
    """Return the options with which the browser creates a passkey; raises what `begin` raises."""
    pending = pending_sign_ins.require(value)
    with transaction():
        return passkeys.ask_for_new(_require_user(pending), browser=browser)


@metrics.outcomes(metrics.SIGN_INS)
def add_passkey(
    value: str, answer: str, *, browser: str, default_name: str, device: SignInDevice
) -> Enrolled:
    """Add the passkey that the browser created, and start the session of a pending sign-in.

    Raises what `passkeys.add` and `begin` raise.
    """
    pending = pending_sign_ins.require(value)
    _require_allowed(pending)
    new = passkeys.check_new(pending.user_id, answer, browser=browser, default_name=default_name)
    signer = signing_keys.signer()
    with transaction():
        user = _require_user(pending)
        passkeys.store(user, new, client=device.client)
        session = sign_ins.complete(pending, user, Factor.PASSKEY, device=device)
    return Enrolled(sessions.tokens_of(session, signer), new.codes.texts)


def _require_user(pending: PendingSignIn) -> User:
    """Lock the account; its owner may have set up a factor elsewhere in the meantime."""
    user = require_active(pending.user_id)
    pending_sign_ins.require_same_password(pending, user)
    _require_allowed(pending)
    return user


def _require_allowed(pending: PendingSignIn) -> None:
    # A mailbox would get a factor of its own, with which it could change everything.
    pending_sign_ins.require_password(pending)
    if not second_factors.is_required_of(pending.user_id):
        raise NotAllowed("no second factor is required")
    # Otherwise, the password alone would add a factor that replaces the one that protects it.
    if second_factors.is_enrolled(pending.user_id):
        raise NotAllowed("the account has a second factor")
