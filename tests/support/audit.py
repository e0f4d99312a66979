"""The audit log in tests."""

from authapp.models import AuditEntry, db
from authapp.services import audit_chain


def audited() -> list[tuple[str, str]]:
    """Return the actor and the action of every entry, oldest first."""
    found = db.session.scalars(db.select(AuditEntry).order_by(AuditEntry.at)).all()
    return [(entry.actor, entry.action) for entry in found]


def extend_chain() -> None:
    """Add every waiting entry to the chain, as the worker does."""
    while audit_chain.extend():
        pass
