"""Recognizing a browser in which a user has signed in before.

The browser keeps a random name and, for each account that was signed in to there, a code that only
we can make of both. So it proves nothing for any other account, tells nobody which accounts it is
for, and costs no table. It is no credential: it spares its owner a mail and the limits that
strangers used up.
"""

import base64
import binascii
import hmac
import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from authapp.config import current_settings
from authapp.security.derivation import derive_key

LIFETIME: Final = timedelta(days=400)
"""The longest that browsers keep a cookie."""

MOST: Final = 8
"""Accounts that a browser is known for; the one that was not used for longest makes room."""

_PART: Final = 16


def knows(value: str, user_id: UUID) -> bool:
    """Return whether the browser that keeps `value` has signed in to this account before."""
    name, *codes = _parts(value) or [b""]
    secrets_ = (
        current_settings().secrets.secret_key,
        *current_settings().secrets.secret_key_fallbacks,
    )
    expected = [_code(secret, name, user_id) for secret in secrets_]
    return any(hmac.compare_digest(code, one) for code in codes for one in expected)


def name_of(value: str) -> str:
    """Return the name that a browser goes by."""
    return (_parts(value) or [b""])[0].hex()


def learn(value: str, user_id: UUID) -> str:
    """Return the cookie value for a browser in which a user has just signed in."""
    name, *codes = _parts(value) or [secrets.token_bytes(_PART)]
    code = _code(current_settings().secrets.secret_key, name, user_id)
    kept = [code, *(other for other in codes if other != code)][:MOST]
    return base64.urlsafe_b64encode(b"".join([name, *kept])).decode().rstrip("=")


def _parts(value: str) -> list[bytes]:
    """Read what a browser keeps; empty for what we never gave to any."""
    try:
        raw = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return []
    if len(raw) % _PART or len(raw) > _PART * (MOST + 1):
        return []
    return [raw[start : start + _PART] for start in range(0, len(raw), _PART)]


def _code(secret: str, name: bytes, user_id: UUID) -> bytes:
    return hmac.digest(derive_key(secret, "known device"), name + user_id.bytes, "sha256")[:_PART]
