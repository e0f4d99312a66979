"""Authenticated encryption of what lies where others may read or write."""

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

_KEY_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12


class SealBroken(Exception):
    """Sealed bytes that were altered, moved, truncated, or sealed under a key that is gone."""


class Sealer:
    """Seal with the first key, open with any.

    AES-256-GCM-SIV (RFC 8452), because random nonces of 96 bits may repeat over a cache's
    lifetime and this mode survives that. A sealed value is `key id | nonce | ciphertext`.
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

        Raises SealBroken, and says no more: whoever wrote the bytes learns nothing.
        """
        key_id, rest = sealed[:_KEY_ID_BYTES], sealed[_KEY_ID_BYTES:]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealBroken("sealed under a key that is not configured")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("altered, truncated, or sealed for another place") from error

    def is_current(self, sealed: bytes) -> bool:
        """Return whether the first key sealed this."""
        return sealed[:_KEY_ID_BYTES] == self._current


def _key_id(key: bytes) -> bytes:
    return sha256(b"authapp sealing key id" + key).digest()[:_KEY_ID_BYTES]
