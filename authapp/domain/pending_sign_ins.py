"""Sign-ins that still need a second factor.

The value proves that its holder entered the account's password, or a code from its mailbox. It is
accepted nowhere except where the sign-in is completed, and not after the password was changed.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from authapp import clock
from authapp.config import current_settings
from authapp.domain.factors import authentication_methods, second_factors
from authapp.domain.factors.authentication_methods import AMR, PASSWORD, Factor
from authapp.errors import (
    EnrollmentRequired,
    NotAllowed,
    SecondFactorRequired,
    TokenExpired,
    TokenInvalid,
)
from authapp.models import User

LIFETIME: Final = timedelta(minutes=10)

_SALT: Final = "pending sign-in"


@dataclass(frozen=True)
class PendingSignIn:
    """A first step that succeeded: whose it is, and whether the session should be kept longer.

    `amr` is its method: the password, or an emailed code.
    """

    user_id: UUID
    remember: bool
    password_changed_at: str
    amr: str = PASSWORD


def missing_step(user: User, *, remember: bool, amr: str = PASSWORD) -> SecondFactorRequired | None:
    """Return the error to raise after the commit if the first step alone does not sign in.

    It has the value that a second factor turns into a session: one of the account's own, or a new
    one if SECOND_FACTOR or one of the account's roles requires one.
    """
    if second_factors.is_enrolled(user.id):
        return SecondFactorRequired(_issue(user, remember=remember, amr=amr))
    if second_factors.is_required(user.roles.split()):
        return EnrollmentRequired(_issue(user, remember=remember, amr=amr))
    return None


def _issue(user: User, *, remember: bool, amr: str) -> str:
    expires_at = int((clock.now() + LIFETIME).timestamp())
    changed_at = user.password_changed_at.isoformat()
    return _serializer().dumps([str(user.id), remember, changed_at, expires_at, amr])


def methods(pending: PendingSignIn, factor: Factor) -> str:
    """Return the methods of a completed sign-in: an emailed code is not one of two factors."""
    if pending.amr == PASSWORD:
        return AMR[factor]
    if factor is Factor.PASSKEY:
        return authentication_methods.PASSKEY
    if factor is Factor.AUTHENTICATOR_APP:
        return authentication_methods.add(pending.amr, authentication_methods.ONE_TIME_PASSWORD)
    return pending.amr


def require(value: str) -> PendingSignIn:
    """Return the pending sign-in in a value; raises TokenInvalid or TokenExpired."""
    try:
        # The previous release did not say how a sign-in began.
        user_id, remember, changed_at, expires_at, *amr = _serializer().loads(value)
    except (BadData, UnicodeEncodeError) as error:
        raise TokenInvalid("not a pending sign-in") from error
    if datetime.fromtimestamp(expires_at, UTC) <= clock.now():
        raise TokenExpired("the password was entered too long ago")
    return PendingSignIn(UUID(user_id), remember, changed_at, *amr)


def require_password(pending: PendingSignIn) -> None:
    """Raise NotAllowed unless the password was entered, and not an emailed code."""
    if pending.amr != PASSWORD:
        raise NotAllowed("the password was not entered")


def require_same_password(pending: PendingSignIn, user: User) -> None:
    """Raise TokenInvalid if the account's password was changed since it was entered."""
    if pending.password_changed_at != user.password_changed_at.isoformat():
        raise TokenInvalid("the password was changed in the meantime")


def _serializer() -> URLSafeSerializer:
    # It signs with the last key, and accepts all of them.
    keys = current_settings().secrets.accepted_secret_keys[::-1]
    return URLSafeSerializer(keys, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256})
