"""Passwords: what is acceptable, how they are kept, how they are checked."""

import unicodedata
from collections.abc import Sequence
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

LONGEST: Final = 1024
"""Characters; far over the 64 that NIST SP 800-63B-4 asks to allow, and a bound on work."""

_ESTIMATED_CHARACTERS: Final = 72
_GUESSABLE_SCORE: Final = 2

STRONGEST: Final = 4
"""zxcvbn's best score."""

# OWASP Password Storage Cheat Sheet: argon2id, 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# What an unknown account is checked against, so that it costs the same time as a known one.
_nobody = _hasher.hash("the password of nobody at all")


def weakness(password: str, *, least: int, context: Sequence[str]) -> str | None:
    """Return why a new password is not acceptable, or None.

    `context` holds words that an attacker would try first: the address, the product's name.
    Source: NIST SP 800-63B-4 section 3.1.1.2; no composition rules, no truncation.
    """
    normal = _normal(password)
    if len(normal) < least:
        return "too_short"
    if len(normal) > LONGEST:
        return "too_long"
    return "too_guessable" if score(normal, context=context) <= _GUESSABLE_SCORE else None


def score(password: str, *, context: Sequence[str]) -> int:
    """Return how hard a password is to guess, from 0 to STRONGEST."""
    estimate = zxcvbn(_normal(password)[:_ESTIMATED_CHARACTERS], user_inputs=list(context))
    return int(estimate["score"])


def hash_password(password: str) -> str:
    """Return the argon2id hash, parameters and salt in one string."""
    return _hasher.hash(_normal(password))


def verify_password(kept: str | None, password: str) -> bool:
    """Check a password; a missing hash takes as long as a wrong password."""
    try:
        return _hasher.verify(kept or _nobody, _normal(password)[:LONGEST]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(kept: str) -> bool:
    """Return whether the parameters have moved on since this hash was made."""
    return _hasher.check_needs_rehash(kept)


def _normal(password: str) -> str:
    """Fold the spellings that keyboards give to one password; lone surrogates stay harmless."""
    return (
        unicodedata.normalize("NFKC", password).encode("utf-8", "backslashreplace").decode("utf-8")
    )
