"""The methods by which a user proved who they are, as in the claim `amr` (RFC 8176 section 2)."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

PASSWORD: Final = "pwd"
ONE_TIME_PASSWORD: Final = "otp"
PASSKEY: Final = "pop user mfa"
"""Possession of a key on a device that verified the user.

Without attestation, no one can tell whether the key is in hardware (`hwk`) or not (`swk`).
"""

EMAILED_CODE: Final = "otp email"
"""RFC 8176 has no value for email, which is not a factor: `email` says which one-time password."""

_EMAIL: Final = "email"

SEVERAL_FACTORS: Final = "mfa"


class Factor(StrEnum):
    """What a user proved in addition to the password."""

    AUTHENTICATOR_APP = "authenticator_app"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"


AMR: Final = {
    Factor.AUTHENTICATOR_APP: "pwd otp mfa",
    Factor.RECOVERY_CODE: "pwd mfa",
    Factor.PASSKEY: "pwd pop user mfa",
}
"""The methods of a session that began with the password and this factor."""


def is_factor(methods: Collection[str]) -> bool:
    """Return whether a session has used more than an emailed code."""
    return _EMAIL not in methods


def add(methods: str, method: str) -> str:
    """Return a session's methods, separated by spaces, with one that was used later.

    Two different methods in one session are two factors, even if hours lie between them. An emailed
    code is not a factor: the factor that was used later replaces it.
    """
    before = methods.split() if is_factor(methods.split()) else []
    used = dict.fromkeys([*before, *method.split()])
    is_several = SEVERAL_FACTORS in used or len(used) > 1
    used.pop(SEVERAL_FACTORS, None)
    return " ".join([*used, SEVERAL_FACTORS] if is_several else used)
