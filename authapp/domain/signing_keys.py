"""Signing keys in use: which one signs, and which ones verify."""

from dataclasses import dataclass

import structlog

from authapp.config import current_settings
from authapp.domain import key_encryption
from authapp.errors import Misconfigured
from authapp.models import KeyState
from authapp.security import jwt, keyring
from authapp.token_cache import token_cache
from authapp.token_cache.records import JWTKeyRecord, is_active

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Signer:
    """The active key with its private half; signing with it reads neither cache nor database."""

    kid: str
    algorithm: str
    private_der: bytes

    def sign(self, claims: jwt.AccessClaims) -> str:
        settings = current_settings()
        return jwt.sign(
            claims,
            key=keyring.parse_private(self.private_der),
            kid=self.kid,
            algorithm=self.algorithm,
            issuer=settings.tokens.jwt_issuer,
            audience=settings.tokens.jwt_audience,
        )


def signer() -> Signer:
    """Return the active key, ready to sign.

    Get it before a guess at a password or a code is counted. Raises Misconfigured if there is none,
    or if it cannot be decrypted, and Unavailable.
    """
    key = _active()
    if key is None:
        log.critical("no_signing_key")
        raise Misconfigured
    return Signer(key.kid, key.algorithm, key_encryption.private_half(key.kid))


def exist() -> bool:
    """Return whether there is a key that signs."""
    return _active() is not None


def require_usable() -> None:
    """Raise Misconfigured unless this process can sign with the active key, and the next one."""
    signer()
    for key in published():
        if key.state == KeyState.NEXT:
            key_encryption.private_half(key.kid)


def published() -> list[JWTKeyRecord]:
    """Return the keys whose public halves are published, for other programs to verify with."""
    return token_cache.get_active_jwt_keys()


def verifies(key: JWTKeyRecord) -> bool:
    """Return whether tokens that this key signed are accepted."""
    return is_active(key) and key.state in (KeyState.ACTIVE, KeyState.RETIRED)


def _active() -> JWTKeyRecord | None:
    return next((key for key in published() if key.state == KeyState.ACTIVE), None)
