"""Sample accounts in each state, which the measurement creates and deletes."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from authapp import clock
from authapp.domain.email_addresses import email_key
from authapp.domain.passwords import hash_password
from authapp.models import (
    EmailSignInRequest,
    OutboxMessage,
    PasswordResetRequest,
    User,
    db,
    delete_user,
)
from authapp.models.transaction import transaction
from authapp.security import imported_passwords
from authapp.security.imported_passwords import Source

ABSENT: Final = "absent"
IMPORTED: Final = "imported"
STATES: Final = ("existing", "unverified", IMPORTED, "disabled", "frozen", "closed")
"""States of an address; each is compared with an absent one."""


@dataclass(frozen=True)
class Samples:
    """Addresses by state; `control` has an account with a known password."""

    addresses: dict[str, list[str]]
    control: str
    password: str


def create(states: list[str], count: int, domain: str) -> Samples:
    """Create accounts, whose addresses all have the same length.

    The addresses of the state "absent" have no account.
    """
    addresses = {state: _addresses(count, domain) for state in (ABSENT, *states)}
    control, password = _addresses(1, domain)[0], secrets.token_urlsafe(32)
    password_hash = hash_password(password)
    with transaction():
        for state in states:
            db.session.add_all(_account(state, email, password_hash) for email in addresses[state])
        db.session.add(_account("existing", control, password_hash))
    return Samples(addresses, control, password)


def _addresses(count: int, domain: str) -> list[str]:
    return [f"{secrets.token_hex(12)}@{domain}" for _ in range(count)]


def delete_all(created: Samples) -> None:
    """Delete the accounts, those that were registered since, and the messages to them."""
    emails = [created.control, *(email for each in created.addresses.values() for email in each)]
    with transaction():
        ids = db.session.scalars(select(User.id).where(User.email_key.in_(emails))).all()
        for id in ids:
            delete_user(id)
        for column in (
            OutboxMessage.recipient,
            PasswordResetRequest.email,
            EmailSignInRequest.email,
        ):
            db.session.execute(delete(column.class_).where(column.in_(emails)))


def _account(state: str, email: str, password_hash: str) -> User:
    """Return an account in a state; its owner has never signed in.

    An imported one has a hash of another system that takes as long as ours. Slower ones are hidden
    among all addresses only by their share (`domain.credentials`), which samples would change.
    """
    now = clock.now()
    if state == IMPORTED:
        password_hash = imported_passwords.to_store(password_hash, Source.ANY)
    return User(
        email=email,
        email_key=email_key(email),
        password_hash=password_hash,
        email_verified_at=None if state == "unverified" else now,
        disabled_at=now if state == "disabled" else None,
        frozen_at=now if state == "frozen" else None,
        delete_at=now + timedelta(days=1) if state == "closed" else None,
    )
