"""Who may create an account on the pages: REGISTRATION."""

from authapp.config import DOMAINS, OPEN, current_settings
from authapp.domain.email_addresses import email_key
from authapp.errors import InputRefused, NotAllowed


def is_open() -> bool:
    """Return whether visitors can register, at least with some addresses."""
    return current_settings().accounts.registration in (OPEN, DOMAINS)


def allowed_domains() -> list[str]:
    """Return the only domains whose addresses can register; an empty list allows all."""
    return current_settings().accounts.registration_domains


def require_allowed(address: str) -> None:
    """Raise NotAllowed if no one can register, and InputRefused for another domain's address.

    This depends on the address alone, and not on whether it has an account.
    """
    if not is_open():
        raise NotAllowed("REGISTRATION does not allow it")
    domains = allowed_domains()
    if not domains:
        return
    if _domain(address) not in [_domain(f"@{each}") for each in domains]:
        raise InputRefused("email", "domain_not_allowed", domains=", ".join(domains))


def _domain(address: str) -> str:
    return email_key(address).rpartition("@")[2]
