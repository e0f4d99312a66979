"""Limits on password guesses, which must not reveal whether an account exists.

Unknown browsers share the limits of the address that they try, whether or not it has an account. A
browser in which the user has signed in before has its own limits, so that no one else's guesses
can lock the user out. Source: ASVS 5.0, 6.3.1; NIST SP 800-63B-4, section 3.2.2.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from authapp.domain import known_devices, rate_limits
from authapp.domain.client import Client
from authapp.domain.email_addresses import MAX_CHARACTERS, email_key, find_owner, key_of
from authapp.domain.rate_limits import Limit

BY_CLIENT: Final = Limit("sign_in_by_client", most=50, within=timedelta(minutes=10))
BURST: Final = Limit("sign_in", most=10, within=timedelta(minutes=15))
IN_A_ROW: Final = Limit("sign_in_in_a_row", most=100, within=timedelta(days=365))
"""Failures without a success in between: NIST allows 100. A new password resets them."""

_NO_ACCOUNT: Final = UUID(int=0)


def spend(email: str, device: str, client: Client) -> str:
    """Count an attempt, and return its subject, to `forgive` if the password is correct.

    Raises TooManyAttempts, with the same message and timing whether or not the address has an
    account.
    """
    rate_limits.spend(BY_CLIENT, client.network)
    subject = _subject(email, device)
    for limit in (BURST, IN_A_ROW):
        rate_limits.spend(limit, subject)
    return subject


def forgive(subject: str) -> None:
    """Delete a subject's attempts after a correct password, in the caller's transaction."""
    for limit in (BURST, IN_A_ROW):
        rate_limits.forgive(limit, subject)


def forgive_strangers(email: str) -> None:
    """Delete the attempts of unknown browsers after a reset, in the caller's transaction."""
    forgive(_unknown_browser(email))


def _subject(email: str, device: str) -> str:
    owner = find_owner(email)
    owner_id = owner.id if owner is not None else _NO_ACCOUNT
    if known_devices.knows(device, owner_id):
        return f"{owner_id} in {known_devices.name_of(device)}"
    return _unknown_browser(email)


def _unknown_browser(email: str) -> str:
    # A domain has many spellings in Unicode; they find one account and must share its limits.
    return key_of(email) or email_key(email.strip()[: MAX_CHARACTERS + 1])
