"""Authenticated encryption of data that is stored where others may read or write it."""

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

_KEY_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12


class SealBroken(Exception):
    """Sealed bytes that were altered, moved or truncated, or whose key is not configured."""


class SealingKeyMissing(SealBroken):
    """None of the configured keys sealed these bytes, or the part that names the key is altered."""


class Sealer:
    """Seals with the first key, and opens with any of them.

    AES-256-GCM-SIV (RFC 8452) stays secure if a nonce repeats, as random nonces of 96 bits may
    over a cache's lifetime. A sealed value is `key id | nonce | ciphertext`.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {_key_id(key): AESGCMSIV(key) for key in keys}
        self._current = _key_id(keys[0])

    def seal(self, plain: bytes, *, bound_to: bytes) -> bytes:
        """Encrypt `plain` so that it opens only together with `bound_to`."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._current + nonce + self._ciphers[self._current].encrypt(nonce, plain, bound_to)

    def open(self, sealed: bytes, *, bound_to: bytes) -> bytes:
        """Decrypt what `seal` made.

        Raises SealingKeyMissing, or SealBroken, which does not distinguish altered, truncated and
        moved bytes.
        """
        key_id, rest = sealed[:_KEY_ID_BYTES], sealed[_KEY_ID_BYTES:]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealingKeyMissing("sealed under a key that is not configured")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("altered, truncated, or moved from another place") from error

    def is_current(self, sealed: bytes) -> bool:
        """Return whether the first key sealed this value."""
        return sealed[:_KEY_ID_BYTES] == self._current


def key_name(key: bytes) -> str:
    """Return a key's id, which every value sealed with it contains in plain sight, as text."""
    return _key_id(key).hex()


def _key_id(key: bytes) -> bytes:
    return sha256(b"authapp sealing key id" + key).digest()[:_KEY_ID_BYTES]
