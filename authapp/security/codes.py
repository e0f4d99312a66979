"""Six-digit codes that users type. They are derived with the server's key, and never stored.

To send a code again, derive it again. The database reveals no code without the key.
"""

import hmac
import re
import unicodedata
from typing import Final
from uuid import UUID

DIGITS: Final = 6
_SEPARATORS: Final = re.compile(r"[\s.\-\u2010-\u2015]+")


def make_code(key: bytes, id: UUID) -> str:
    """Return the code of the verification row with this id."""
    mac = hmac.digest(key, id.bytes, "sha256")
    return f"{int.from_bytes(mac, 'big') % 10**DIGITS:0{DIGITS}}"


def read_code(typed: str) -> str | None:
    """Return the digits of a code as users type or paste it; None if it is not a code."""
    # Many scripts have their own digits.
    digits = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed[:100]))
    if len(digits) != DIGITS or not digits.isdecimal():
        return None
    return "".join(str(unicodedata.decimal(digit)) for digit in digits)


def is_code(keys: list[bytes], id: UUID, code: str) -> bool:
    """Return whether one of the keys gives this code for the row."""
    return any(hmac.compare_digest(make_code(key, id), code) for key in keys)


def bind_code(key: bytes, code: str, *, user_id: UUID, purpose: str, target: str) -> bytes:
    """Return the stored MAC of a code, which is valid only for this user, purpose and target.

    It needs a key: someone who reads the database could try all codes of six digits.
    """
    bound = "\0".join((str(user_id), purpose, target, code))
    return hmac.digest(key, bound.encode("utf-8", "surrogatepass"), "sha256")


def is_bound(
    key: bytes, code: str, stored: bytes, *, user_id: UUID, purpose: str, target: str
) -> bool:
    """Compare a code with its stored MAC, in constant time."""
    expected = bind_code(key, code, user_id=user_id, purpose=purpose, target=target)
    return hmac.compare_digest(expected, stored)
