"""The audit log: what operators, owners and authapp itself did to any account."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from authapp.models.base import Base, Id

_IS_WAITING = text("sequence IS NULL")


class AuditEntry(Base):
    """One act. The worker gives it its place in the chain: `sequence`, `previous_hash` and `hash`.

    Until then these are None, and `mac` authenticates the content; from then on, it authenticates
    `hash` (see `authapp.security.audit_chain`). `account_id` has no foreign key, because entries
    outlive the accounts that they are about. `details` holds short texts, never a secret, a name or
    an address.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "account_id", "sequence"),
        Index(None, "action", "sequence"),
        Index(
            "ix_audit_entries_waiting",
            "at",
            sqlite_where=_IS_WAITING,
            postgresql_where=_IS_WAITING,
        ),
    )

    id: Mapped[Id]
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(60))
    account_id: Mapped[UUID | None]
    details: Mapped[dict[str, str]] = mapped_column(JSON)
    sequence: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    previous_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    mac: Mapped[bytes] = mapped_column(LargeBinary(36))
