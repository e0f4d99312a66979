"""Recording in the audit log, in the transaction of the act; the worker adds the chain later."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from uuid import UUID, uuid4

from authapp import clock
from authapp.config import current_settings
from authapp.models import AuditEntry, db
from authapp.security.audit_chain import Authenticator, Stage, encode

OWNER: Final = "owner"
"""The account's owner, or a program with one of their API tokens."""

VISITOR: Final = "visitor"
"""Someone who has not signed in, and need not be the owner."""

SYSTEM: Final = "system"
"""authapp itself."""

_LONGEST_DETAIL: Final = 200
_LONGEST_NAME: Final = 60

_acting: ContextVar[str | None] = ContextVar("acting", default=None)


def operator(name: str) -> str:
    """Return the actor of a command, by the name of the operating system's user."""
    return f"operator:{_printable(name)[:_LONGEST_NAME]}"


def administrator(user_id: UUID) -> str:
    """Return the actor of the operators' pages, by the account that is signed in."""
    return f"admin:{user_id}"


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Record everything within the block as the act of `actor`; threads start without one."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


def record(
    action: str,
    *,
    account_id: UUID | None = None,
    by: str = SYSTEM,
    details: Mapping[str, str] | None = None,
) -> None:
    """Record an act in the caller's transaction, by the actor of `acting_as` if there is one.

    Details must not contain secrets, names or addresses: entries outlive the account.
    """
    id, at, actor = uuid4(), clock.now(), _acting.get() or by
    short = {key: _printable(text)[:_LONGEST_DETAIL] for key, text in (details or {}).items()}
    entry = AuditEntry(
        id=id, at=at, actor=actor, action=action, account_id=account_id, details=short
    )
    entry.mac = authenticator().sign(Stage.WRITTEN, content_of(entry))
    db.session.add(entry)


def content_of(entry: AuditEntry) -> bytes:
    """Return what the codes and the hash of an entry are about."""
    return encode(
        id=entry.id,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        account_id=entry.account_id,
        details=entry.details,
    )


def authenticator() -> Authenticator:
    """Return what signs and checks entries."""
    return Authenticator(current_settings().secrets.key_encryption_keys)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
