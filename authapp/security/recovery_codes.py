"""Recovery codes: 50 random bits, written as `3k7qp-m2xw9`, and hashed like passwords."""

import re
import secrets
import unicodedata
from typing import Final

from argon2.low_level import Type, hash_secret_raw

CHARACTERS: Final = 10

# Crockford's base32 has no I, L, O or U, so the first three can be read as the digits 1, 1 and 0.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_CONFUSED: Final = str.maketrans("ilo", "110")
_SEPARATORS: Final = re.compile(r"[\s.\-\u2010-\u2015]+")
_MOST_TYPED: Final = 100


def new_code() -> str:
    """Return a random code without its hyphen."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(CHARACTERS))


def as_text(code: str) -> str:
    """Return a code as users see it, in two groups."""
    return f"{code[: CHARACTERS // 2]}-{code[CHARACTERS // 2 :]}"


def read(typed: str) -> str | None:
    """Return the characters of a code as users type or paste it; None if it is not a code."""
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed[:_MOST_TYPED]))
    code = plain.lower().translate(_CONFUSED)
    is_code = len(code) == CHARACTERS and all(character in _ALPHABET for character in code)
    return code if is_code else None


def digest(code: str, *, salt: bytes) -> bytes:
    """Return the argon2id hash of a code.

    All codes of an account share a salt of 16 bytes or more, so that one hash finds the code.
    Source: ASVS 5.0, 6.5.2; the parameters are those of passwords.
    """
    return hash_secret_raw(
        code.encode(),
        salt,
        time_cost=2,
        memory_cost=19_456,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    )
