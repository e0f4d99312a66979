"""Every page in every state, reached as a visitor would, for screenshots and page checks.

One module for each feature; importing it adds its states to STATES.
"""

from tests.journeys.states import (
    account,
    admin,
    api_tokens,
    change_email,
    email_sign_in,
    errors,
    freeze_account,
    invitation,
    language,
    login,
    lost_factor,
    passkeys,
    passwords,
    phone,
    register,
    second_factors,
)
from tests.journeys.states.visit import NEW_PASSWORD, PHONE, STATES, Visit

__all__ = [
    "NEW_PASSWORD",
    "PHONE",
    "STATES",
    "Visit",
    "account",
    "admin",
    "api_tokens",
    "change_email",
    "email_sign_in",
    "errors",
    "freeze_account",
    "invitation",
    "language",
    "login",
    "lost_factor",
    "passkeys",
    "passwords",
    "phone",
    "register",
    "second_factors",
]
