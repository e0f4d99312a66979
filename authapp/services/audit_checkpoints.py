"""Checkpoints of the audit log: entries of the chain that name the last entry that was purged.

A checkpoint is in the chain before anything is deleted, so that the entries from it onwards vouch
for the place where the rest begins.
"""

from typing import Final

from sqlalchemy import select

from authapp.domain import audit
from authapp.models import AuditEntry, db
from authapp.security.audit_chain import Authenticity, Stage, link
from authapp.services.audit_chain import Head

PURGED: Final = "audit_purged"
"""The action of a checkpoint."""

_LAST: Final = "last"


def record(last: Head) -> None:
    """Record, in the caller's transaction, that entries up to `last` will be deleted."""
    audit.record(PURGED, details={_LAST: str(last)})


def latest() -> Head | None:
    """Return the last entry that was purged; None if there is none.

    Checkpoints may be in another order than the entries that they name. An altered one counts as
    none, so that what it would excuse is missing.
    """
    chained = AuditEntry.sequence.is_not(None)
    found = db.session.scalars(select(AuditEntry).where(AuditEntry.action == PURGED, chained))
    named = [Head.parse(entry.details[_LAST]) for entry in found if _is_genuine(entry)]
    return max(named, key=lambda head: head.sequence, default=None)


def covers(head: Head) -> bool:
    """Return whether an entry that is no longer in the chain may have been purged."""
    last = latest()
    if last is None or head.sequence > last.sequence:
        return False
    return head.sequence < last.sequence or head.hash == last.hash


def _is_genuine(entry: AuditEntry) -> bool:
    """Return whether authapp wrote a checkpoint, as far as it alone can show.

    Entries after it vouch for one under a former key, when the chain is verified.
    """
    hash = link(entry.previous_hash or b"", entry.sequence or 0, audit.content_of(entry))
    code = audit.authenticator().check(Stage.CHAINED, hash, entry.mac)
    return entry.hash == hash and code is not Authenticity.FORGED
