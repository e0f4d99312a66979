"""The audit log in tests."""

from authapp.domain import audit
from authapp.models import AuditEntry, db
from authapp.models.transaction import transaction
from authapp.services import audit_chain


def audited() -> list[tuple[str, str]]:
    """Return the actor and the action of every entry, oldest first."""
    found = db.session.scalars(db.select(AuditEntry).order_by(AuditEntry.at)).all()
    return [(entry.actor, entry.action) for entry in found]


def record_act(action: str = "act", **details: str) -> None:
    """Record an act, in a transaction of its own."""
    with transaction():
        audit.record(action, details=details)


def run_sql(statement: object) -> None:
    """Change the database behind authapp's back."""
    db.session.execute(statement)
    db.session.commit()


def extend_chain() -> None:
    """Add every waiting entry to the chain, as the worker does."""
    while audit_chain.extend():
        pass
