"""Signing keys and their states."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id
from authapp.models.changes import CachedRow


class KeyState(StrEnum):
    """The states of a key."""

    NEXT = "next"  # published, not signing yet
    ACTIVE = "active"  # signs
    RETIRED = "retired"  # verifies until its last token has expired
    REVOKED = "revoked"  # no longer trusted, effective at once


def _only_one(state: KeyState) -> Index:
    condition = text(f"state = '{state}'")
    return Index(
        f"uq_jwt_keys_{state}",
        "state",
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )


class JWTKey(CachedRow, Base):
    """A signing key; `kid` is its RFC 7638 thumbprint and the private half is sealed."""

    __tablename__ = "jwt_keys"
    __table_args__ = (_only_one(KeyState.NEXT), _only_one(KeyState.ACTIVE))

    id: Mapped[Id]
    kid: Mapped[str] = mapped_column(String(43), unique=True)
    algorithm: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    public_jwk: Mapped[str] = mapped_column(Text)
    private_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    activated_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
