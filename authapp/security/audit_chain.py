"""The hash chain of the audit log, and the keyed codes that a writer of the database cannot forge.

The chain itself has no key, so it stays the same when keys are replaced. A code (HMAC-SHA-256) over
a hash authenticates the entry and, through the chain, every entry before it.
"""

import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

from authapp.security.derivation import derive_key
from authapp.security.sealing import key_name

START: Final = bytes(32)
"""The hash before the first entry."""

_KEY_ID_BYTES: Final = 4


class Stage(StrEnum):
    """What a code is over; one for either stage is not valid for the other."""

    WRITTEN = "written"
    CHAINED = "chained"


class Authenticity(StrEnum):
    """What a code shows."""

    GENUINE = "genuine"
    FORGED = "forged"
    KEY_MISSING = "its key is not configured"


def encode(
    *, id: UUID, at: datetime, actor: str, action: str, account_id: UUID | None, details: object
) -> bytes:
    """Return an entry's content in the one form that is hashed: JSON in ASCII with sorted keys."""
    account = None if account_id is None else str(account_id)
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    members = [str(id), moment, actor, action, account, details]
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode("ascii")


def link(previous: bytes, sequence: int, content: bytes) -> bytes:
    """Return the hash of an entry, which depends on all entries before it."""
    return sha256(previous + sequence.to_bytes(8) + content).digest()


class Authenticator:
    """Signs with the first of KEY_ENCRYPTION_KEYS, and checks with any.

    A code begins with the id of its key; `key_id` is that of the first key.
    """

    def __init__(self, key_encryption_keys: Sequence[bytes]) -> None:
        keys = [derive_key(each, "audit log") for each in key_encryption_keys]
        self._keys = {bytes.fromhex(key_name(key)): key for key in keys}
        self.key_id = next(iter(self._keys))

    def sign(self, stage: Stage, message: bytes) -> bytes:
        """Return the code of a message."""
        return self.key_id + _code(self._keys[self.key_id], stage, message)

    def check(self, stage: Stage, message: bytes, mac: bytes) -> Authenticity:
        """Check the code of a message."""
        key = self._keys.get(mac[:_KEY_ID_BYTES])
        if key is None:
            return Authenticity.KEY_MISSING
        is_genuine = hmac.compare_digest(_code(key, stage, message), mac[_KEY_ID_BYTES:])
        return Authenticity.GENUINE if is_genuine else Authenticity.FORGED


def _code(key: bytes, stage: Stage, message: bytes) -> bytes:
    return hmac.digest(key, f"{stage}\0".encode() + message, "sha256")
