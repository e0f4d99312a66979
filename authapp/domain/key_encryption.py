"""Private keys in the database, sealed under KEY_ENCRYPTION_KEYS and bound to their kid."""

from functools import lru_cache

import structlog
from sqlalchemy import select

from authapp.config import current_settings
from authapp.errors import Conflict, Misconfigured, Unavailable
from authapp.models import JWTKey, db
from authapp.security.keyring import KeyPair
from authapp.security.sealing import SealBroken, Sealer

log = structlog.get_logger(__name__)


def seal(pair: KeyPair) -> bytes:
    """Return a new key's private half, sealed."""
    return _sealer().seal(pair.private_der, bound_to=pair.kid.encode())


def private_half(kid: str) -> bytes:
    """Return the private half of a key, which each process reads and decrypts once.

    Only signing needs it, so it is never cached in Redis. Raises Unavailable if it no longer
    exists, and Misconfigured if none of the configured keys decrypts it.
    """
    return _opened(kid, tuple(current_settings().secrets.key_encryption_keys))


# A kid's private half never changes: the kid is the digest of the public half.
@lru_cache(maxsize=8)
def _opened(kid: str, key_encryption_keys: tuple[bytes, ...]) -> bytes:
    sealed = db.session.scalar(select(JWTKey.private_sealed).where(JWTKey.kid == kid))
    if sealed is None:
        raise Unavailable
    try:
        return Sealer(key_encryption_keys).open(sealed, bound_to=kid.encode())
    except SealBroken as error:
        log.critical("signing_key_not_decrypted", kid=kid)
        raise Misconfigured from error


def reseal(key: JWTKey) -> bool:
    """Reseal a private half that is not sealed under the first key; return whether it changed.

    Raises Conflict if none of the configured keys decrypts it.
    """
    sealer, kid = _sealer(), key.kid.encode()
    if sealer.is_current(key.private_sealed):
        return False
    try:
        key.private_sealed = sealer.seal(
            sealer.open(key.private_sealed, bound_to=kid), bound_to=kid
        )
    except SealBroken as error:
        raise Conflict(f"none of KEY_ENCRYPTION_KEYS decrypts the key {key.kid}") from error
    return True


def _sealer() -> Sealer:
    return Sealer(current_settings().secrets.key_encryption_keys)
