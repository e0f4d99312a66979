"""The second step of signing in: a code from an authenticator app, or a recovery code."""

from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple

from authapp import metrics
from authapp.domain import (
    activity,
    pending_sign_ins,
    security_notices,
    sessions,
    sign_ins,
    signing_keys,
)
from authapp.domain.account_status import require_active
from authapp.domain.client import Client
from authapp.domain.factors import (
    authentication_methods,
    authenticator_apps,
    lost_factors,
    passkeys,
    recovery_codes,
    remembered_devices,
    second_factors,
)
from authapp.domain.factors.authentication_methods import Factor
from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Limit
from authapp.domain.pending_sign_ins import PendingSignIn
from authapp.domain.sessions import SignedIn
from authapp.domain.sign_ins import SignInDevice
from authapp.errors import InputRefused, TooManyAttempts
from authapp.models import Activity, User, db
from authapp.models.transaction import transaction

_WARNINGS: Final = Limit("second_factor_warnings", most=1, within=timedelta(days=1))


class Methods(NamedTuple):
    """What can complete a sign-in in addition to a recovery code."""

    app: bool
    passkey: bool


def methods(value: str) -> Methods:
    """Return what can complete a pending sign-in.

    Raises TokenInvalid or TokenExpired if the password must be entered again.
    """
    user_id = pending_sign_ins.require(value).user_id
    has_passkey = bool(passkeys.list_usable(user_id))
    return Methods(app=authenticator_apps.is_in_use(user_id), passkey=has_passkey)


@metrics.outcomes(metrics.SIGN_INS)
def complete_sign_in(
    value: str, code: str, *, device: SignInDevice, remember_device: bool = False
) -> SignedIn:
    """Start the session of a pending sign-in, with a code of the app or a recovery code.

    `value` comes from SecondFactorRequired. `remember_device` makes a code unnecessary on this
    device for REMEMBER_DEVICE_LIFETIME, unless it is a recovery code. Raises TokenInvalid or
    TokenExpired if the password must be entered again, InputRefused for a wrong or used code,
    TooManyAttempts, Overloaded, and what `require_active` raises.
    """
    pending, client = pending_sign_ins.require(value), device.client
    signer = signing_keys.signer()
    try:
        proof = second_factors.check(pending.user_id, code)
    except (InputRefused, TooManyAttempts) as refusal:
        _note_refusal(pending, client, ran_out=isinstance(refusal, TooManyAttempts))
        raise
    with transaction():
        user = require_active(pending.user_id)
        pending_sign_ins.require_same_password(pending, user)
        second_factors.claim(proof)
        if proof.factor is Factor.RECOVERY_CODE:
            _note_recovery_code(user, client)
        if pending.amr != authentication_methods.PASSWORD:
            # Its session will not have several factors, but the account's is not lost.
            lost_factors.cancel_and_note(user.id, client)
        session = sign_ins.complete(pending, user, proof.factor, device=device)
        kept = ""
        if remember_device and proof.factor is not Factor.RECOVERY_CODE:
            kept = remembered_devices.remember(session, device.remembered, client=client)
    return replace(sessions.tokens_of(session, signer), remembered=kept)


def _note_recovery_code(user: User, client: Client) -> None:
    activity.note(user.id, Activity.RECOVERY_CODE_USED, client)
    left = recovery_codes.count_left(user.id)
    security_notices.send(user, "recovery_code_used", client=client, left=left)


def _note_refusal(pending: PendingSignIn, client: Client, *, ran_out: bool) -> None:
    """Record a wrong code; if guesses ran out, tell the owner that someone has the password."""
    user_id, has_password = pending.user_id, pending.amr == authentication_methods.PASSWORD
    refused = Activity.SECOND_FACTOR_REFUSED if has_password else Activity.SIGN_IN_REFUSED
    tells_owner = has_password and ran_out and rate_limits.allows(_WARNINGS, str(user_id))
    with transaction():
        activity.note_failure(f"second factor {user_id}", user_id, refused, client)
        user = db.session.get(User, user_id) if tells_owner else None
        if user is not None:
            security_notices.send(user, "second_factor_refused", client=client)
