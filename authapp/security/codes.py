"""Six-digit codes for people to type, derived from what they prove, so that none is kept.

A code is told again by deriving it again, and a database without the server's key yields none.
"""

import hmac
import re
import unicodedata
from typing import Final
from uuid import UUID

DIGITS: Final = 6
_SEPARATORS: Final = re.compile(r"[\s.\-\u2010-\u2015]+")


def make_code(key: bytes, id: UUID) -> str:
    """Return the code of a row that says who proves what to whom, and until when."""
    mac = hmac.digest(key, id.bytes, "sha256")
    return f"{int.from_bytes(mac, 'big') % 10**DIGITS:0{DIGITS}}"


def read_code(typed: str) -> str | None:
    """Return the digits of a code as people type and paste it; None for what is no code."""
    # Keyboards of many scripts have digits of their own.
    digits = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed[:100]))
    if len(digits) != DIGITS or not digits.isdecimal():
        return None
    return "".join(str(unicodedata.decimal(digit)) for digit in digits)


def is_code(keys: list[bytes], id: UUID, code: str) -> bool:
    """Return whether one of our keys made this code for the row."""
    return any(hmac.compare_digest(make_code(key, id), code) for key in keys)


def bind_code(key: bytes, code: str, *, user_id: UUID, purpose: str, target: str) -> bytes:
    """Return what is kept of a code: it finds no code, and fits no other account or number.

    Six digits have no entropy to hide behind: without the key, whoever reads the database could
    try them all.
    """
    bound = "\0".join((str(user_id), purpose, target, code))
    return hmac.digest(key, bound.encode("utf-8", "surrogatepass"), "sha256")


def is_bound(
    key: bytes, code: str, kept: bytes, *, user_id: UUID, purpose: str, target: str
) -> bool:
    """Compare a code with what is kept of it, in constant time."""
    found = bind_code(key, code, user_id=user_id, purpose=purpose, target=target)
    return hmac.compare_digest(found, kept)
