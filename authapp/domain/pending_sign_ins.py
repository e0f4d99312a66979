"""Sign-ins that still need a second factor.

The value proves that its holder entered the account's password. It is accepted nowhere except
where the sign-in is completed, and not after the password was changed.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from authapp import clock
from authapp.config import current_settings
from authapp.domain import second_factors
from authapp.errors import (
    EnrollmentRequired,
    SecondFactorRequired,
    TokenExpired,
    TokenInvalid,
)
from authapp.models import User

LIFETIME: Final = timedelta(minutes=10)

_SALT: Final = "pending sign-in"


@dataclass(frozen=True)
class PendingSignIn:
    """A correct password: whose it is, and whether the session is to be kept longer."""

    user_id: UUID
    remember: bool
    password_changed_at: str


def missing_step(user: User, *, remember: bool) -> SecondFactorRequired | None:
    """Return the error to raise after the commit if the password alone does not sign in.

    It has the value that a second factor turns into a session: the account's own, or a new one if
    SECOND_FACTOR requires one.
    """
    if second_factors.is_enrolled(user.id):
        return SecondFactorRequired(_issue(user, remember=remember))
    if second_factors.is_required():
        return EnrollmentRequired(_issue(user, remember=remember))
    return None


def _issue(user: User, *, remember: bool) -> str:
    expires_at = int((clock.now() + LIFETIME).timestamp())
    changed_at = user.password_changed_at.isoformat()
    return _serializer().dumps([str(user.id), remember, changed_at, expires_at])


def require(value: str) -> PendingSignIn:
    """Return the pending sign-in in a value; raises TokenInvalid or TokenExpired."""
    try:
        user_id, remember, changed_at, expires_at = _serializer().loads(value)
    except (BadData, UnicodeEncodeError) as error:
        raise TokenInvalid("not a pending sign-in") from error
    if datetime.fromtimestamp(expires_at, UTC) <= clock.now():
        raise TokenExpired("the password was entered too long ago")
    return PendingSignIn(UUID(user_id), remember, changed_at)


def require_same_password(pending: PendingSignIn, user: User) -> None:
    """Raise TokenInvalid if the account's password was changed since it was entered."""
    if pending.password_changed_at != user.password_changed_at.isoformat():
        raise TokenInvalid("the password was changed in the meantime")


def _serializer() -> URLSafeSerializer:
    secrets = current_settings().secrets
    # It signs with the last key, and accepts all of them.
    keys = [*secrets.secret_key_fallbacks, secrets.secret_key]
    return URLSafeSerializer(keys, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256})
