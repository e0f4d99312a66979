"""Email addresses: which are accepted, and which are the same."""

from typing import Final
from unicodedata import normalize

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.domain import one_time_tokens
from authapp.errors import Conflict, InputRefused
from authapp.models import User, VerificationType, db
from authapp.security.domain_names import ascii_domain

MAX_CHARACTERS: Final = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets."""


def parse_email(raw: str) -> str:
    """Return an address in its stored form; raises InputRefused if it is invalid."""
    trimmed = raw.strip()
    if len(trimmed) > MAX_CHARACTERS:
        raise InputRefused("email", "too_long")
    if not trimmed.rpartition("@")[0].isascii():
        # Few servers deliver to these (RFC 6531), so most of them could never be verified.
        raise InputRefused("email", "not_ascii")
    try:
        # Sending shows whether the domain accepts mail; no request should wait for DNS.
        return validate_email(trimmed, check_deliverability=False).normalized
    except (EmailNotValidError, UnicodeError) as error:
        raise InputRefused("email", "not_an_address") from error


def email_key(email: str) -> str:
    """Return the form that all spellings of an address share; accounts are unique by it.

    Letters that only look or sound alike stay different: the mail of `straße.de` does not go to
    `strasse.de`. A domain that does not exist has a key too, so that attempts can be counted.
    """
    local, at, domain = email.rpartition("@")
    try:
        domain = ascii_domain(domain)
    except UnicodeError:
        domain = domain.lower()
    return f"{normalize('NFC', local.lower())}{at}{domain}"


def key_of(typed: str) -> str | None:
    """Return the key of an address in any spelling, or None if it is invalid."""
    try:
        return email_key(parse_email(typed))
    except InputRefused:
        return None


def find_owner(email: str) -> User | None:
    """Return the account that has verified an address, in any spelling."""
    key = key_of(email)
    if key is None:
        return None
    owner = select(User).where(User.email_key == key, User.email_verified_at.is_not(None))
    return db.session.scalars(owner).one_or_none()


def find_account(email: str) -> User | None:
    """Return the account that owns an address, or else the newest one that has yet to verify it.

    Among the latter, invited accounts come first, because anyone can register the address of an
    invitation.
    """
    key = key_of(email)
    if key is None:
        return None
    found = select(User).where(User.email_key == key)
    was_invited = one_time_tokens.had(VerificationType.INVITATION)
    order = (User.email_verified_at.is_(None), was_invited.desc(), User.created_at.desc())
    return db.session.scalars(found.order_by(*order).limit(1)).one_or_none()


def own_address(user: User, address: str) -> None:
    """Give an account an address that its mailbox has confirmed, in the caller's transaction.

    Links and codes that could verify it are revoked: the browser that registered may be a
    stranger's, and could go on guessing at a code. Raises Conflict if another account owns the
    address.
    """
    try:
        with db.session.begin_nested():
            user.email, user.email_key = address, email_key(address)
            user.email_verified_at = clock.now()
    except IntegrityError:
        raise Conflict("the address belongs to another account") from None
    one_time_tokens.void(user.id, VerificationType.EMAIL_VERIFICATION)
