"""The private halves at rest: sealed under KEY_ENCRYPTION_KEYS, each bound to its kid."""

import logging
from functools import lru_cache

from sqlalchemy import select

from authapp.config import current_settings
from authapp.errors import Conflict, Unavailable
from authapp.models import JWTKey, db
from authapp.security.keyring import KeyPair
from authapp.security.sealing import SealBroken, Sealer

log = logging.getLogger(__name__)


def seal(pair: KeyPair) -> bytes:
    """Return a new key's private half, sealed."""
    return _sealer().seal(pair.private_der, bound_to=pair.kid.encode())


def private_half(kid: str) -> bytes:
    """Return the private half of a key, which each process reads and opens once.

    Only signing needs it, so it is in no cache. Raises Unavailable if it does not exist, or if
    none of the configured keys opens it.
    """
    return _opened(kid, tuple(current_settings().key_encryption_keys))


# The private half of a kid never changes: the kid is its public half's digest.
@lru_cache(maxsize=8)
def _opened(kid: str, key_encryption_keys: tuple[bytes, ...]) -> bytes:
    sealed = db.session.scalar(select(JWTKey.private_sealed).where(JWTKey.kid == kid))
    if sealed is None:
        raise Unavailable
    try:
        return Sealer(key_encryption_keys).open(sealed, bound_to=kid.encode())
    except SealBroken as error:
        log.critical("the signing key %s opens with none of KEY_ENCRYPTION_KEYS", kid)
        raise Unavailable from error


def rewrap() -> int:
    """Seal every private half again, under the first key-encryption key; return how many.

    Raises Conflict, and changes nothing, where none of the configured keys opens one of them.
    """
    sealer, rewrapped = _sealer(), 0
    for key in db.session.scalars(select(JWTKey)):
        if not sealer.is_current(key.private_sealed):
            key.private_sealed = _resealed(sealer, key)
            rewrapped += 1
    db.session.commit()
    return rewrapped


def _resealed(sealer: Sealer, key: JWTKey) -> bytes:
    place = key.kid.encode()
    try:
        return sealer.seal(sealer.open(key.private_sealed, bound_to=place), bound_to=place)
    except SealBroken as error:
        db.session.rollback()
        raise Conflict(f"the key {key.kid} opens with none of KEY_ENCRYPTION_KEYS") from error


def _sealer() -> Sealer:
    return Sealer(current_settings().key_encryption_keys)
