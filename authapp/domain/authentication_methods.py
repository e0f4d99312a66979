"""The methods by which a user proved who they are, as in the claim `amr` (RFC 8176 section 2)."""

from typing import Final

PASSWORD: Final = "pwd"
ONE_TIME_PASSWORD: Final = "otp"
PASSKEY: Final = "pop user mfa"
"""Possession of a key on a device that verified the user.

Without attestation, no one can tell whether the key is in hardware (`hwk`) or not (`swk`).
"""

_SEVERAL_FACTORS: Final = "mfa"


def add(methods: str, method: str) -> str:
    """Return a session's methods, separated by spaces, with one that was used later.

    Two different methods in one session are two factors, even if hours lie between them.
    """
    used = dict.fromkeys([*methods.split(), *method.split()])
    is_several = _SEVERAL_FACTORS in used or len(used) > 1
    used.pop(_SEVERAL_FACTORS, None)
    return " ".join([*used, _SEVERAL_FACTORS] if is_several else used)
