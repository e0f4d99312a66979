"""Time-based one-time passwords of authenticator apps (RFC 6238): SHA-1, six digits, 30 seconds."""

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final

import pyotp

SECRET_BYTES: Final = 20
"""The output of HMAC-SHA-1. Source: RFC 4226 section 4, R6."""

STEP_SECONDS: Final = 30

_DRIFT: Final = (0, -1, 1)
"""One step either way: the clock of a phone may differ. Source: RFC 6238 section 5.2."""


def new_secret() -> bytes:
    """Return a random secret."""
    return secrets.token_bytes(SECRET_BYTES)


def as_text(secret: bytes) -> str:
    """Return a secret as users type it into an app: base32, 32 characters."""
    return base64.b32encode(secret).decode()


def provisioning_uri(secret: bytes, *, account: str, issuer: str) -> str:
    """Return the `otpauth:` URI that apps read from a QR code."""
    return _totp(secret).provisioning_uri(name=account, issuer_name=issuer)


def find_step(secret: bytes, code: str, now: datetime) -> int | None:
    """Return the time step that a code belongs to; None if it belongs to none near `now`."""
    totp, current = _totp(secret), int(now.timestamp()) // STEP_SECONDS
    for drift in _DRIFT:
        if hmac.compare_digest(totp.generate_otp(current + drift), code):
            return current + drift
    return None


def _totp(secret: bytes) -> pyotp.TOTP:
    return pyotp.TOTP(as_text(secret), interval=STEP_SECONDS)
