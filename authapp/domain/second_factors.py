"""Checking second factors: codes of an authenticator app, and recovery codes; and all of them.

`domain.passkeys` checks passkeys.

Guesses count per account, in the database. Only someone who entered the account's password can
make them, and a recovery code is accepted even when guesses at the app's codes have run out.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Exists, delete, exists, func, or_, select, update

from authapp import clock
from authapp.config import OFF, REQUIRED, current_settings
from authapp.domain import code_guesses, passwords, rate_limits, remembered_devices
from authapp.errors import Conflict, InputRefused, Misconfigured
from authapp.models import AuthenticatorApp, Passkey, RecoveryCode, User, db
from authapp.security import recovery_codes, totp
from authapp.security.codes import read_code
from authapp.security.sealing import SealBroken, Sealer

log = structlog.get_logger(__name__)

RECOVERY_CODES: Final = 10

_MOST_TYPED: Final = 100


class Factor(StrEnum):
    """What a user proved besides the password."""

    AUTHENTICATOR_APP = "authenticator_app"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"


AMR: Final = {
    Factor.AUTHENTICATOR_APP: "pwd otp mfa",
    Factor.RECOVERY_CODE: "pwd mfa",
    Factor.PASSKEY: "pwd pop user mfa",
}
"""The authentication methods of a session, as in the claim `amr`. Source: RFC 8176 section 2."""


@dataclass(frozen=True)
class Proof:
    """A correct code, which `claim` uses up: the time step of an app's code, or a code's digest.

    `since` is when the app was confirmed, so that a code of an app does not outlive it.
    """

    user_id: UUID
    factor: Factor
    step: int = 0
    since: datetime | None = None
    digest: bytes = b""


def is_offered() -> bool:
    """Return whether users may set up a second factor; those that they have stay active."""
    return current_settings().accounts.second_factor != OFF


def is_required(roles: Collection[str]) -> bool:
    """Return whether an account with these roles needs a second factor to sign in."""
    accounts = current_settings().accounts
    return accounts.second_factor == REQUIRED or any(
        role in accounts.second_factor_roles for role in roles
    )


def is_required_of(user_id: UUID) -> bool:
    """Return whether an account needs a second factor, according to the caller's transaction."""
    if is_required(()) or not current_settings().accounts.second_factor_roles:
        return is_required(())
    user = db.session.get(User, user_id)
    return user is not None and is_required(user.roles.split())


def is_enrolled(user_id: UUID) -> bool:
    """Return whether sign-in asks for a second factor after the password.

    A passkey counts, or a stolen password would be enough without it. So does a disabled one.
    """
    return _has_app_or(exists().where(Passkey.user_id == user_id), user_id)


def _has_app_or(has_passkey: Exists, user_id: UUID) -> bool:
    has_app = exists().where(
        AuthenticatorApp.user_id == user_id, AuthenticatorApp.confirmed_at.is_not(None)
    )
    return bool(db.session.scalar(select(or_(has_app, has_passkey))))


def has_app(user_id: UUID) -> bool:
    """Return whether an authenticator app of the account can confirm who it is."""
    app = db.session.get(AuthenticatorApp, user_id)
    return app is not None and app.confirmed_at is not None


def check(user_id: UUID, typed: str) -> Proof:
    """Check a code before the transaction that claims it; hashing a recovery code is slow.

    Raises InputRefused for a wrong or used code, and TooManyAttempts; and Overloaded and
    Misconfigured, which do not count as guesses.
    """
    recovery_code = recovery_codes.read(typed)
    if recovery_code is not None:
        return _check_recovery_code(user_id, recovery_code)
    if any(character.isalpha() for character in typed[:_MOST_TYPED]):
        raise InputRefused("code", "not_a_recovery_code")
    return check_app_code(user_id, read_app_code(typed))


def read_app_code(typed: str) -> str:
    """Return the code that a user typed; raises InputRefused for any other text."""
    code = read_code(typed)
    if code is None:
        raise InputRefused("code", "not_a_code_from_app")
    return code


def check_app_code(user_id: UUID, code: str) -> Proof:
    """Count a guess at an app's code, and check it.

    Raises InputRefused, TooManyAttempts, and Misconfigured, which is not counted.
    """
    guesses = code_guesses.at_app(user_id)
    code_guesses.spend(guesses)
    with rate_limits.unless_unavailable(guesses):
        app = db.session.get(AuthenticatorApp, user_id)
        return check_app(app if has_app(user_id) else None, code, clock.now())


def check_app(app: AuthenticatorApp | None, code: str, now: datetime) -> Proof:
    """Check a code of an app that was entered at `now`; raises InputRefused."""
    step = totp.find_step(open_secret(app), code, now) if app is not None else None
    if app is None or step is None:
        raise InputRefused("code", "wrong_from_app")
    if step <= app.last_step:
        raise InputRefused("code", "used")
    return Proof(app.user_id, Factor.AUTHENTICATOR_APP, step, app.confirmed_at)


def claim(proof: Proof) -> None:
    """Use up a code in the caller's transaction, and delete the failed guesses.

    Raises InputRefused if another request used it first, or replaced its app.
    """
    user_id, now = proof.user_id, clock.now()
    if proof.factor is Factor.AUTHENTICATOR_APP:
        claimed = (
            update(AuthenticatorApp)
            .where(
                AuthenticatorApp.user_id == user_id,
                AuthenticatorApp.last_step < proof.step,
                AuthenticatorApp.confirmed_at.is_not_distinct_from(proof.since),
            )
            .values(last_step=proof.step, last_used_at=now)
            .returning(AuthenticatorApp.user_id)
        )
    else:
        claimed = (
            update(RecoveryCode)
            .where(
                RecoveryCode.user_id == user_id,
                RecoveryCode.digest == proof.digest,
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=now)
            .returning(RecoveryCode.user_id)
        )
    if db.session.scalar(claimed) is None:
        is_from_app = proof.factor is Factor.AUTHENTICATOR_APP
        raise InputRefused("code", "used" if is_from_app else "recovery_code_used")
    code_guesses.forgive([*code_guesses.at_app(user_id), *code_guesses.at_recovery_code(user_id)])


def hash_codes(user_id: UUID, codes: Sequence[str]) -> list[bytes]:
    """Return the digests of recovery codes; call it before the transaction. Raises Overloaded."""
    with passwords.hashing_slot():
        return [recovery_codes.digest(code, salt=user_id.bytes) for code in codes]


def replace_codes(user_id: UUID, digests: Sequence[bytes]) -> None:
    """Replace an account's recovery codes in the caller's transaction."""
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.session.add_all(RecoveryCode(user_id=user_id, digest=each) for each in digests)


def count_codes(user_id: UUID) -> int:
    """Return how many recovery codes are left."""
    left = select(func.count()).where(
        RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
    )
    return db.session.scalar(left) or 0


def remove_app(user_id: UUID) -> bool:
    """Remove the app in the caller's transaction; return whether it was in use."""
    remembered_devices.forget(user_id)
    removed = delete(AuthenticatorApp).where(AuthenticatorApp.user_id == user_id)
    found = db.session.scalar(removed.returning(AuthenticatorApp.confirmed_at))
    remove_useless(user_id)
    return found is not None


def remove_all(user_id: UUID) -> bool:
    """Remove every second factor in the caller's transaction; return whether there was one."""
    passkeys = delete(Passkey).where(Passkey.user_id == user_id).returning(Passkey.id)
    had_passkey = bool(db.session.scalars(passkeys).all())
    return remove_app(user_id) or had_passkey


def remove_useless(user_id: UUID) -> None:
    """Remove disabled passkeys and the recovery codes if no factor is left that works.

    For an owner who removed the last one: sign-in would ask for what no longer exists.
    """
    usable = exists().where(Passkey.user_id == user_id, Passkey.reported_at.is_(None))
    if not _has_app_or(usable, user_id):
        db.session.execute(delete(Passkey).where(Passkey.user_id == user_id))
        replace_codes(user_id, [])


def seal_secret(user_id: UUID, secret: bytes) -> bytes:
    """Return an app's secret, sealed under KEY_ENCRYPTION_KEYS and bound to its account."""
    return _sealer().seal(secret, bound_to=_binding(user_id))


def open_secret(app: AuthenticatorApp) -> bytes:
    """Return an app's secret; raises Misconfigured if no key of KEY_ENCRYPTION_KEYS decrypts it."""
    try:
        return _open(app)
    except SealBroken as error:
        log.critical("authenticator_app_not_decrypted", user_id=app.user_id)
        raise Misconfigured from error


def reseal_all() -> None:
    """Seal every secret that was not sealed under the first key again.

    Runs in the caller's transaction. Raises Conflict if none of the keys decrypts one.
    """
    apps = select(AuthenticatorApp).execution_options(yield_per=500)
    for app in db.session.scalars(apps):
        if not _sealer().is_current(app.secret_sealed):
            _reseal(app)


def _reseal(app: AuthenticatorApp) -> None:
    try:
        app.secret_sealed = seal_secret(app.user_id, _open(app))
    except SealBroken as error:
        raise Conflict(
            f"none of KEY_ENCRYPTION_KEYS decrypts the authenticator app of {app.user_id}"
        ) from error


def _check_recovery_code(user_id: UUID, code: str) -> Proof:
    guesses = code_guesses.at_recovery_code(user_id)
    code_guesses.spend(guesses)
    with rate_limits.unless_unavailable(guesses):
        digest = hash_codes(user_id, [code])[0]
    found = select(RecoveryCode).where(
        RecoveryCode.user_id == user_id, RecoveryCode.digest == digest
    )
    row = db.session.scalar(found)
    if row is None:
        raise InputRefused("code", "wrong_recovery_code")
    if row.used_at is not None:
        raise InputRefused("code", "recovery_code_used")
    return Proof(user_id, Factor.RECOVERY_CODE, digest=digest)


def _open(app: AuthenticatorApp) -> bytes:
    return _sealer().open(app.secret_sealed, bound_to=_binding(app.user_id))


def _sealer() -> Sealer:
    return Sealer(current_settings().secrets.key_encryption_keys)


def _binding(user_id: UUID) -> bytes:
    return b"authenticator app " + user_id.bytes
