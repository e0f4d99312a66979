"""An authenticator app for tests: it computes codes from a secret, as a phone does."""

from uuid import UUID

import pyotp

from authapp import clock
from authapp.security.totp import STEP_SECONDS
from authapp.services import second_factors
from tests.support.accounts import HERE


def code_of(secret: str, *, steps: int = 1) -> str:
    """Return the code that an app shows some steps from now.

    The next step's is accepted, because clocks differ, and was not used to enroll.
    """
    step = int(clock.now().timestamp()) // STEP_SECONDS + steps
    return pyotp.TOTP(secret).generate_otp(step)


def enroll(user_id: UUID) -> tuple[str, list[str]]:
    """Turn two-step sign-in on, and return the app's secret and the recovery codes."""
    second_factors.begin(user_id)
    secret = second_factors.get_enrollment(user_id).secret
    codes = second_factors.confirm(user_id, code_of(secret, steps=0), client=HERE)
    return secret, codes


def wrong_code(secret: str) -> str:
    """Return six digits that no step near now has."""
    near = {code_of(secret, steps=steps) for steps in range(-3, 4)}
    return next(f"{number:06}" for number in range(10) if f"{number:06}" not in near)
