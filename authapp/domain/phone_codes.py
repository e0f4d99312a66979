"""Codes that are texted to phone numbers: issuing, deriving and checking them."""

from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from authapp import clock
from authapp.config import current_settings
from authapp.domain import one_time_tokens
from authapp.models import VerificationToken, VerificationType, db
from authapp.security.codes import bind_code, is_bound, make_code
from authapp.security.derivation import derive_key
from authapp.token_cache import token_cache
from authapp.token_cache.records import VerificationTokenRecord

LIFETIME: Final = timedelta(minutes=10)
"""Source: ASVS 5.0, 6.5.5."""

_TYPE: Final = VerificationType.PHONE_VERIFICATION


def get_pending(user_id: UUID) -> VerificationTokenRecord | None:
    """Return the active code, whose `target` is the number it was sent to."""
    found = token_cache.get_verification_tokens_by_user(user_id, _TYPE)
    return found[-1] if found else None


def add(user_id: UUID, number: str) -> str:
    """Add a code to the caller's transaction, revoke earlier ones, and return it."""
    one_time_tokens.void(user_id, _TYPE)
    id, key = uuid4(), _keys()[0]
    code = make_code(key, id)
    db.session.add(
        VerificationToken(
            id=id,
            user_id=user_id,
            type=_TYPE,
            target=number,
            digest=bind_code(key, code, user_id=user_id, purpose=_TYPE, target=number),
            expires_at=clock.now() + LIFETIME,
        )
    )
    return code


def code_of(pending: VerificationTokenRecord) -> str | None:
    """Return the code; None if the key that derived it is no longer configured."""
    codes = (make_code(key, pending.id) for key in _keys())
    return next((code for code in codes if is_right(pending, code)), None)


def is_right(pending: VerificationTokenRecord, code: str) -> bool:
    return any(
        is_bound(
            key,
            code,
            pending.digest,
            user_id=pending.user_id,
            purpose=pending.type,
            target=pending.target,
        )
        for key in _keys()
    )


def _keys() -> list[bytes]:
    secrets = current_settings().secrets.accepted_secret_keys
    return [derive_key(secret, "phone code") for secret in secrets]
