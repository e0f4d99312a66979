"""Tokens that carry their row's id: link secrets, API tokens and refresh tokens.

A token is looked up by the id in its value. Its secret is compared in constant time, and only the
secret's digest is stored. Every `parse_*` returns None for values that its `make_*` cannot produce,
so that malformed values cause no lookup.
"""

import base64
import binascii
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

SECRET_BYTES: Final = 32
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_CHARACTERS: Final = 22
_SECRET_CHARACTERS: Final = 43
_CHECKSUM_CHARACTERS: Final = 6
_LONGEST: Final = 200


@dataclass(frozen=True)
class IdAndSecret:
    """The content of a value: a row's id, and the secret that must match the row's digest."""

    id: UUID
    secret: bytes


@dataclass(frozen=True)
class RefreshClaim:
    """The content of a refresh token; `mac` proves the rest."""

    session_id: UUID
    generation: int
    mac: bytes


def new_secret() -> bytes:
    """Return 256 random bits."""
    return secrets.token_bytes(SECRET_BYTES)


def digest(secret: bytes) -> bytes:
    """Return a 256-bit secret's digest to store; it needs no slow hash (ASVS 6.5.2)."""
    return sha256(secret).digest()


def matches(secret: bytes, stored: bytes) -> bool:
    """Compare a secret with a stored digest in constant time."""
    return hmac.compare_digest(digest(secret), stored)


def make_link_token(id: UUID, secret: bytes) -> str:
    """Return `<id>.<secret>`, URL-safe."""
    return f"{_to_base64(id.bytes)}.{_to_base64(secret)}"


def parse_link_token(value: str) -> IdAndSecret | None:
    """Read `<id>.<secret>`."""
    parts = _split(value, 2)
    id, secret = (_from_base64(parts[0], 16), _from_base64(parts[1], 32)) if parts else (None, None)
    return IdAndSecret(UUID(bytes=id), secret) if id and secret else None


def make_refresh_token(key: bytes, session_id: UUID, generation: int) -> str:
    """Return `<id>.<generation>.<mac>`; it can be derived again if a response was lost."""
    mac = _refresh_mac(key, session_id, generation)
    return f"{_to_base64(session_id.bytes)}.{generation}.{_to_base64(mac)}"


def parse_refresh_token(value: str) -> RefreshClaim | None:
    """Read `<id>.<generation>.<mac>`; does not check the mac (see `proves`)."""
    parts = _split(value, 3)
    if parts is None or not re.fullmatch(r"0|[1-9][0-9]{0,8}", parts[1]):
        return None
    id, mac = _from_base64(parts[0], 16), _from_base64(parts[2], 32)
    return RefreshClaim(UUID(bytes=id), int(parts[1]), mac) if id and mac else None


def proves(claim: RefreshClaim, keys: list[bytes]) -> bool:
    """Return whether one of the keys made this refresh token."""
    return any(
        hmac.compare_digest(claim.mac, _refresh_mac(key, claim.session_id, claim.generation))
        for key in keys
    )


def make_api_token(prefix: str, id: UUID, secret: bytes) -> str:
    """Return `<prefix>_<id><secret><checksum>`; scanners verify the checksum offline."""
    body = f"{prefix}_{_to_base62(id.bytes, _ID_CHARACTERS)}" + _to_base62(
        secret, _SECRET_CHARACTERS
    )
    return body + _checksum(body)


def api_token_length(prefix: str) -> int:
    """Return the number of characters in every API token."""
    return len(prefix) + 1 + _ID_CHARACTERS + _SECRET_CHARACTERS + _CHECKSUM_CHARACTERS


def parse_api_token(prefix: str, value: str) -> IdAndSecret | None:
    """Read `<prefix>_<id><secret><checksum>`."""
    if len(value) != api_token_length(prefix) or not value.startswith(f"{prefix}_"):
        return None
    body, checksum = value[:-_CHECKSUM_CHARACTERS], value[-_CHECKSUM_CHARACTERS:]
    encoded = body[len(prefix) + 1 :]
    if not re.fullmatch(r"[0-9A-Za-z]+", encoded) or _checksum(body) != checksum:
        return None
    id = _from_base62(encoded[:_ID_CHARACTERS], 16)
    secret = _from_base62(encoded[_ID_CHARACTERS:], SECRET_BYTES)
    return IdAndSecret(UUID(bytes=id), secret) if id and secret else None


def _refresh_mac(key: bytes, session_id: UUID, generation: int) -> bytes:
    return hmac.digest(key, session_id.bytes + generation.to_bytes(8, "big"), "sha256")


def _split(value: str, count: int) -> list[str] | None:
    if len(value) > _LONGEST or not value.isascii():
        return None
    parts = value.split(".")
    return parts if len(parts) == count else None


def _to_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _from_base64(encoded: str, size: int) -> bytes | None:
    """Decode unpadded base64url; None unless it is the canonical encoding of `size` bytes."""
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == size and _to_base64(raw) == encoded else None


def _to_base62(raw: bytes, width: int) -> str:
    number, digits = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(width, "0")


def _from_base62(encoded: str, size: int) -> bytes | None:
    number = 0
    for character in encoded:
        number = number * 62 + _BASE62.index(character)
    return number.to_bytes(size, "big") if number < 1 << (8 * size) else None


def _checksum(body: str) -> str:
    return _to_base62(zlib.crc32(body.encode()).to_bytes(4, "big"), _CHECKSUM_CHARACTERS)
