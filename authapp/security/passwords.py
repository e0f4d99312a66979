"""Passwords: which are acceptable, and how they are hashed and verified.

Normalizing takes time that grows with the square of the length, so the length is checked first.
"""

import hmac
import unicodedata
from collections.abc import Sequence
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn_rs_py import zxcvbn

from authapp.security.common_passwords import is_common, personal_words, simplified
from authapp.security.imported_passwords import is_imported, vouches_for

MAX_CHARACTERS: Final = 1024
"""Characters, as typed; far more than the 64 that NIST SP 800-63B-4 requires."""

MAX_STRENGTH: Final = 4
"""zxcvbn's best score."""

_ESTIMATED_CHARACTERS: Final = 72
_GUESSABLE_SCORE: Final = 2

_SUBSTITUTED: Final = str.maketrans("4@8({[<369&!1|70$5+%2", "aabccccegggiiilossttz")
"""Characters that zxcvbn reads as letters, and the letters."""

_MOST_SUBSTITUTES: Final = 4
"""zxcvbn tries every combination of substitutions, so its time doubles with each kind."""

# OWASP Password Storage Cheat Sheet: argon2id, 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Verified for unknown accounts, so that they take the same time as known ones.
_dummy_hash = _hasher.hash("a password that no account has")


def weakness(password: str, *, least: int, context: Sequence[str]) -> str | None:
    """Return why a new password is not acceptable, or None.

    `context` has words that an attacker would try first, such as the address.
    Source: NIST SP 800-63B-4 section 3.1.1.2; no composition rules, no truncation.
    """
    if len(password) > MAX_CHARACTERS:
        return "too_long"
    normal = _normal(password)
    if len(normal) < least:
        return "too_short"
    if score(password, context=context) > _GUESSABLE_SCORE:
        return None
    return "too_common" if is_common(normal) else "too_guessable"


def score(password: str, *, context: Sequence[str]) -> int:
    """Return how hard a password is to guess, from 0 to MAX_STRENGTH; rates only its beginning."""
    if is_common(_normal(password[:MAX_CHARACTERS])):
        return 0
    beginning = _normal(password[:_ESTIMATED_CHARACTERS])[:_ESTIMATED_CHARACTERS]
    texts = [_normal(text[:_ESTIMATED_CHARACTERS]) for text in context]
    words = personal_words(texts)
    rated = {beginning, simplified(beginning, words)}
    return min(_estimate(text, [*texts, *words]) for text in rated)


def _estimate(text: str, words: list[str]) -> int:
    kinds = _SUBSTITUTED.keys() & set(map(ord, text))
    if len(kinds) > _MOST_SUBSTITUTES:
        text = text.translate(_SUBSTITUTED)
    return int(zxcvbn(text, words).score)


def hash_password(password: str) -> str:
    """Return the argon2id hash, parameters and salt in one string."""
    return _hasher.hash(_normal(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Check a password; a missing hash takes as long as a wrong password."""
    is_possible = password_hash is not None and len(password) <= MAX_CHARACTERS
    try:
        is_correct = _hasher.verify(
            password_hash or _dummy_hash, _normal(password[:MAX_CHARACTERS])
        )
    except (VerificationError, InvalidHashError):
        return False
    return is_correct and is_possible


def needs_rehash(password_hash: str, password: str) -> bool:
    """Return whether to replace a hash with that of the password that matched it.

    It was made by another system, which hashed the whole password, or with other parameters.
    """
    if is_imported(password_hash):
        return vouches_for(password_hash, password)
    return _hasher.check_needs_rehash(password_hash)


def recognizable_part(password: str, key: bytes) -> bytes:
    """Return 16 bits of a keyed digest: too few to find out the password, even with the key."""
    normal = _normal(password[:MAX_CHARACTERS])
    return hmac.digest(key, normal.encode(), "sha256")[:2]


def _normal(password: str) -> str:
    """Normalize a password (NFKC), because keyboards encode the same characters differently.

    Lone surrogates, which UTF-8 cannot encode, are escaped.
    """
    return (
        unicodedata.normalize("NFKC", password).encode("utf-8", "backslashreplace").decode("utf-8")
    )
