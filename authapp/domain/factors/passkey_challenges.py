"""Challenges of passkeys: issuing them, and accepting each once, for what it was issued for.

A challenge is a signed value that needs no row: it is bound to its purpose and to the browser that
asked, and says when it expires. The first correct answer uses it up in the database.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from authapp import clock
from authapp.config import current_settings
from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Limit
from authapp.errors import InputRefused
from authapp.security.derivation import derive_key

LIFETIME: Final = timedelta(minutes=10)
"""How long a browser may take to answer a challenge."""

# Longer than its lifetime, because the clocks of two hosts may differ.
_USED: Final = Limit("passkey_challenge", most=1, within=2 * LIFETIME)

_NONCE_BYTES: Final = 16
_TIME_BYTES: Final = 5


@dataclass(frozen=True)
class Binding:
    """What a challenge is bound to: its purpose, and the secret of the browser that asked.

    `purpose` also names the account or the session, if one is known.
    """

    purpose: str
    browser: str


def issue(binding: Binding) -> bytes:
    """Return a new challenge."""
    expires_at = int((clock.now() + LIFETIME).timestamp())
    content = secrets.token_bytes(_NONCE_BYTES) + expires_at.to_bytes(_TIME_BYTES, "big")
    return content + _mac(current_settings().secrets.secret_key, content, binding)


def require(challenge: bytes, binding: Binding) -> None:
    """Raise InputRefused unless the challenge has this binding and has not expired."""
    content, mac = challenge[: _NONCE_BYTES + _TIME_BYTES], challenge[_NONCE_BYTES + _TIME_BYTES :]
    keys = current_settings().secrets.accepted_secret_keys
    if not any(hmac.compare_digest(mac, _mac(key, content, binding)) for key in keys):
        raise InputRefused("passkey", "not_asked_for")
    expires_at = int.from_bytes(content[_NONCE_BYTES:], "big")
    if datetime.fromtimestamp(expires_at, UTC) <= clock.now():
        raise InputRefused("passkey", "expired")


def use_up(challenge: bytes) -> None:
    """Use up a challenge at once; call it before `transaction()`.

    Raises InputRefused if another request used it first.
    """
    if not rate_limits.allows(_USED, challenge.hex()):
        raise InputRefused("passkey", "used")


def _mac(secret: str, content: bytes, binding: Binding) -> bytes:
    bound = f"{binding.purpose}\0{binding.browser}".encode("utf-8", "surrogatepass")
    return hmac.digest(derive_key(secret, "passkey challenge"), content + bound, "sha256")
