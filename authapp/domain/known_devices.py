"""Recognizing a browser in which a user has signed in before.

A cookie holds a random name and, for each account that signed in there, an HMAC of the name and the
account's id. So it is useless for other accounts, does not reveal which accounts it knows, and
needs no table. It is not a credential: it saves the user an email about a new device, and gives
the browser its own sign-in limits, which strangers cannot use up.
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
"""Maximum number of accounts per browser; a new one replaces the least recent sign-in."""

_PART_BYTES: Final = 16


def knows(value: str, user_id: UUID) -> bool:
    """Return whether the browser with this cookie value has signed in to the account before."""
    name, *codes = _parts(value) or [b""]
    accepted = current_settings().secrets.accepted_secret_keys
    expected = [_code(secret, name, user_id) for secret in accepted]
    return any(hmac.compare_digest(code, one) for code in codes for one in expected)


def name_of(value: str) -> str:
    """Return the random name in a cookie value, in hex; empty if the value is malformed."""
    return (_parts(value) or [b""])[0].hex()


def learn(value: str, user_id: UUID) -> str:
    """Return the cookie value for a browser in which a user has just signed in."""
    name, *codes = _parts(value) or [secrets.token_bytes(_PART_BYTES)]
    code = _code(current_settings().secrets.secret_key, name, user_id)
    newest = [code, *(other for other in codes if other != code)][:MOST]
    return base64.urlsafe_b64encode(b"".join([name, *newest])).decode().rstrip("=")


def _parts(value: str) -> list[bytes]:
    """Return the name and the codes in a cookie value; empty if it is malformed."""
    try:
        raw = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return []
    if len(raw) % _PART_BYTES or len(raw) > _PART_BYTES * (MOST + 1):
        return []
    return [raw[start : start + _PART_BYTES] for start in range(0, len(raw), _PART_BYTES)]


def _code(secret: str, name: bytes, user_id: UUID) -> bytes:
    mac = hmac.digest(derive_key(secret, "known device"), name + user_id.bytes, "sha256")
    return mac[:_PART_BYTES]
