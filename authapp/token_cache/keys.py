"""The eight key patterns of rows and lists."""

from typing import Final
from uuid import UUID

JWT_KEYS: Final = "jwt_keys"


def token(id: UUID) -> str:
    return f"token:{id}"


def tokens(user_id: UUID) -> str:
    return f"tokens:user:{user_id}"


def jwt_key(id: UUID) -> str:
    return f"jwt_key:{id}"


def jwt_keys() -> str:
    return JWT_KEYS


def verification_token(id: UUID) -> str:
    return f"verification_token:{id}"


def verification_tokens(user_id: UUID, type: str) -> str:
    return f"verification_tokens:user:{user_id}:type:{type}"


def refresh_token(id: UUID) -> str:
    return f"refresh_token:{id}"


def refresh_tokens(user_id: UUID) -> str:
    return f"refresh_tokens:user:{user_id}"


def family(key: str) -> str:
    """Return the kind that a key belongs to; a list belongs to the kind of its items."""
    first = key.partition(":")[0]
    return first.removesuffix("s") if first in _LISTS else first


_LISTS: Final = ("tokens", JWT_KEYS, "verification_tokens", "refresh_tokens")

ALL_PATTERNS: Final = ("token:*", "tokens:*", "jwt_key*", "verification_token*", "refresh_token*")
"""Globs that match every key that holds a row or a list."""
