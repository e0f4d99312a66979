"""E-mail addresses: which are acceptable, and which are the same."""

from typing import Final

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from authapp.errors import InputRefused
from authapp.models import User, db

LONGEST: Final = 254
"""RFC 5321 section 4.5.3.1.3, less the angle brackets."""


def parse_email(raw: str) -> str:
    """Return an address as it is kept; raises InputRefused for what cannot be one."""
    trimmed = raw.strip()
    if len(trimmed) > LONGEST:
        raise InputRefused("email", "too_long")
    if not trimmed.rpartition("@")[0].isascii():
        # Few servers take mail for these (RFC 6531), and one that is not taken verifies nothing.
        raise InputRefused("email", "not_ascii")
    try:
        # Whether a domain takes mail is learnt by sending to it, not by asking DNS in a request.
        return validate_email(trimmed, check_deliverability=False).normalized
    except (EmailNotValidError, UnicodeError) as error:
        raise InputRefused("email", "not_an_address") from error


def email_key(email: str) -> str:
    """Return the form under which spellings of one address are the same account."""
    return email.casefold()


def key_of(typed: str) -> str | None:
    """Return the key of an address, however it is spelt; None for what is no address."""
    try:
        return email_key(parse_email(typed))
    except InputRefused:
        return None


def find_owner(email: str) -> User | None:
    """Return the account that has an address, however it is spelt; None for what is no address."""
    key = key_of(email)
    if key is None:
        return None
    return db.session.scalars(select(User).where(User.email_key == key)).one_or_none()
