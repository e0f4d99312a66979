"""Limits on emails that anyone can ask for, so that no one can flood a mailbox or many of them.

Password resets have a limit of their own for each mailbox: other emails must not use it up, or
strangers could keep an owner from regaining the account.
"""

from authapp.config import current_settings
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key
from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Count
from authapp.domain.limits.trusted_networks import unless_trusted


def spend(client: Client) -> None:
    """Count an email that a client asks for; raises TooManyAttempts."""
    limits = current_settings().limits
    own = unless_trusted(
        client,
        Count(limits.mail_by_client, client.network),
        Count(limits.mail_by_site, client.site),
    )
    rate_limits.spend_all([*own, Count(limits.mail_overall, "all")])


def allows(address: str) -> bool:
    """Count an email, and return whether the mailbox may get it; who asked for it is not told."""
    return rate_limits.allows(current_settings().limits.mail_by_mailbox, mailbox(address))


def allows_reset(address: str) -> bool:
    """Count a password reset link; earlier links to the mailbox still work if it gets no other."""
    return rate_limits.allows(current_settings().limits.reset_by_mailbox, mailbox(address))


def allows_sign_in_code(address: str) -> bool:
    """Count a sign-in code; a limit of its own, so that strangers cannot use up the others."""
    return rate_limits.allows(current_settings().limits.sign_in_codes_by_mailbox, mailbox(address))


def mailbox(address: str) -> str:
    """Return the key of an address without its tag: `name+tag@` reaches the mailbox `name@`."""
    local, _, domain = email_key(address).rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"
