"""Signing in with a passkey: alone, or as the second step after a password."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from authapp import clock, metrics
from authapp.domain import activity, pending_sign_ins, sessions, sign_ins, signing_keys
from authapp.domain.account_status import require_active
from authapp.domain.client import Client
from authapp.domain.factors import authentication_methods, passkeys, remembered_devices
from authapp.domain.factors.authentication_methods import Factor
from authapp.domain.factors.passkey_challenges import Binding
from authapp.domain.factors.passkeys import VerifiedAnswer
from authapp.domain.pending_sign_ins import PendingSignIn
from authapp.domain.sessions import SignedIn
from authapp.domain.sign_ins import SignInDevice
from authapp.errors import (
    AccountClosing,
    AccountDisabled,
    CredentialsRefused,
    NotFound,
    PasskeyCopied,
)
from authapp.models import Activity, User, db
from authapp.models.transaction import transaction
from authapp.services.passkeys import tell_of_copy


def begin(*, browser: str) -> dict[str, Any]:
    """Return the options with which the browser asks for any passkey; they name no account.

    `browser` is the browser's secret.
    """
    return passkeys.ask(_alone(browser), verifies_user=True)


@metrics.outcomes(metrics.SIGN_INS)
def sign_in(answer: str, *, browser: str, remember: bool, device: SignInDevice) -> SignedIn:
    """Start a session with the answer to `begin`, and end the session that it replaces.

    Raises CredentialsRefused for an unknown passkey, an invalid signature and a disabled account
    alike; InputRefused for an answer that is malformed, too late or repeated; AccountFrozen and
    AccountClosing; and TooManyAttempts.
    """
    proof = _check(answer, _alone(browser), client=device.client, verifies_user=True)
    signer = signing_keys.signer()
    with transaction():
        user = _require_active(proof.user_id)
        passkeys.claim(proof)
        session = sign_ins.begin(
            user, remember=remember, device=device, amr=authentication_methods.PASSKEY
        )
    return sessions.tokens_of(session, signer)


def begin_second_step(value: str, *, browser: str) -> dict[str, Any]:
    """Return the options with which the browser asks for a passkey of a pending sign-in's account.

    Raises TokenInvalid or TokenExpired if the password must be entered again.
    """
    pending = pending_sign_ins.require(value)
    return passkeys.ask(
        _second_step(pending.user_id, browser),
        user_id=pending.user_id,
        verifies_user=_verifies_user(pending),
    )


@metrics.outcomes(metrics.SIGN_INS)
def complete_sign_in(
    value: str, answer: str, *, browser: str, device: SignInDevice, remember_device: bool = False
) -> SignedIn:
    """Start the session of a pending sign-in with the answer to `begin_second_step`.

    `remember_device` is that of `login_code.complete_sign_in`. Raises what `begin_second_step`,
    `sign_in` and `require_active` raise.
    """
    pending = pending_sign_ins.require(value)
    binding = _second_step(pending.user_id, browser)
    proof = _check(
        answer,
        binding,
        client=device.client,
        user_id=pending.user_id,
        verifies_user=_verifies_user(pending),
    )
    signer = signing_keys.signer()
    with transaction():
        user = require_active(pending.user_id)
        pending_sign_ins.require_same_password(pending, user)
        passkeys.claim(proof)
        session = sign_ins.complete(pending, user, Factor.PASSKEY, device=device)
        kept = ""
        if remember_device:
            kept = remembered_devices.remember(session, device.remembered, client=device.client)
    return replace(sessions.tokens_of(session, signer), remembered=kept)


def _alone(browser: str) -> Binding:
    return Binding("sign-in", browser)


def _second_step(user_id: UUID, browser: str) -> Binding:
    return Binding(f"second step {user_id}", browser)


def _verifies_user(pending: PendingSignIn) -> bool:
    """Return whether the device must verify its user: after a password, presence is enough.

    After an emailed code, which is not a factor, the passkey alone has to be both factors.
    """
    return pending.amr != authentication_methods.PASSWORD


def _check(
    answer: str,
    binding: Binding,
    *,
    client: Client,
    user_id: UUID | None = None,
    verifies_user: bool,
) -> VerifiedAnswer:
    """Check an answer, and record a refusal."""
    try:
        return passkeys.check(
            answer, binding, client=client, user_id=user_id, verifies_user=verifies_user
        )
    except PasskeyCopied as copied:
        tell_of_copy(copied, client)
        raise
    except CredentialsRefused:
        kind = Activity.SECOND_FACTOR_REFUSED if user_id else Activity.SIGN_IN_REFUSED
        with transaction():
            activity.note_failure(f"passkey {user_id or client.network}", user_id, kind, client)
        raise


def _require_active(user_id: UUID) -> User:
    """Lock and return the account; raises CredentialsRefused if it is disabled or to be deleted."""
    try:
        return require_active(user_id)
    except (AccountDisabled, NotFound) as error:
        raise CredentialsRefused("the account is disabled") from error
    except AccountClosing as error:
        user = db.session.get_one(User, user_id)
        if user.delete_at is not None and user.delete_at <= clock.now():
            raise CredentialsRefused("the account is about to be deleted") from error
        raise
