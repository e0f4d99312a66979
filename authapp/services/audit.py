"""The audit log as operators read it: entries, newest first, and an export of the chain."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, select, true

from authapp.domain import audit
from authapp.errors import DomainError
from authapp.models import AuditEntry, db
from authapp.models.transaction import transaction

PAGE: Final = 50
_BATCH: Final = 500


@dataclass(frozen=True)
class Filter:
    """Which entries to list; None selects all."""

    account_id: UUID | None = None
    action: str | None = None
    since: datetime | None = None


def record_command(command: str, account_id: UUID | None, details: dict[str, str]) -> None:
    """Record that the current actor runs a command; it is on record even if the command dies."""
    with transaction():
        audit.record("command", account_id=account_id, details={"command": command, **details})


def record_failed_command(command: str, account_id: UUID | None, reason: str) -> None:
    """Record that a recorded command did not end well, so that it may have changed nothing."""
    details = {"command": command, "reason": reason}
    with transaction():
        audit.record("command_failed", account_id=account_id, details=details)


@contextmanager
def recorded_command(command: str, account_id: UUID | None) -> Iterator[None]:
    """Record that the current actor does what is in the block, and whether it was refused."""
    record_command(command, account_id, {})
    try:
        yield
    except DomainError as refusal:
        record_failed_command(command, account_id, type(refusal).__name__)
        raise


def list_entries(
    chosen: Filter, *, before: int | None = None, limit: int = PAGE
) -> list[AuditEntry]:
    """Return entries that are in the chain, newest first; `before` is a sequence number."""
    conditions = _conditions(chosen)
    if before is not None:
        conditions.append(AuditEntry.sequence < before)
    found = select(AuditEntry).where(AuditEntry.sequence.is_not(None), *conditions)
    return list(db.session.scalars(found.order_by(AuditEntry.sequence.desc()).limit(limit)))


def every_entry(*, after: int | None = None, through: int | None = None) -> Iterator[AuditEntry]:
    """Yield the entries of the chain, oldest first; a few are in memory at a time.

    `after` and `through` are sequence numbers.
    """
    sequence = AuditEntry.sequence
    rest = sequence.is_not(None) if after is None else sequence > after
    end = true() if through is None else sequence <= through
    while True:
        found = select(AuditEntry).where(rest, end)
        page = db.session.scalars(found.order_by(AuditEntry.sequence).limit(_BATCH)).all()
        if not page:
            return
        for entry in page:
            rest = AuditEntry.sequence > entry.sequence
            db.session.expunge(entry)
            yield entry


def as_document(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry for programs, with what they need to check its hash."""
    return {
        "sequence": entry.sequence,
        "id": str(entry.id),
        "at": entry.at.isoformat(timespec="microseconds"),
        "actor": entry.actor,
        "action": entry.action,
        "account_id": str(entry.account_id) if entry.account_id else None,
        "details": entry.details,
        "previous_hash": entry.previous_hash.hex() if entry.previous_hash else None,
        "hash": entry.hash.hex() if entry.hash else None,
    }


def from_document(document: Any) -> AuditEntry:
    """Return the entry of an exported document, without its code; raises ValueError."""
    try:
        account_id, previous = document["account_id"], document["previous_hash"]
        return AuditEntry(
            id=UUID(document["id"]),
            at=datetime.fromisoformat(document["at"]),
            actor=str(document["actor"]),
            action=str(document["action"]),
            account_id=UUID(account_id) if account_id else None,
            details=dict(document["details"]),
            sequence=int(document["sequence"]),
            previous_hash=bytes.fromhex(previous),
            hash=bytes.fromhex(document["hash"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not an exported entry") from error


def _conditions(chosen: Filter) -> list[ColumnElement[bool]]:
    conditions = []
    if chosen.account_id is not None:
        conditions.append(AuditEntry.account_id == chosen.account_id)
    if chosen.action is not None:
        conditions.append(AuditEntry.action == chosen.action)
    if chosen.since is not None:
        conditions.append(AuditEntry.at >= chosen.since)
    return conditions
