"""API tokens, which programs present on a user's behalf."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id
from authapp.models.changes import CachedRow


class Scope(StrEnum):
    """What a token may be used for."""

    ACCOUNT_READ = "account:read"
    SESSIONS_READ = "sessions:read"
    SESSIONS_WRITE = "sessions:write"
    TOKENS_READ = "tokens:read"
    TOKENS_WRITE = "tokens:write"
    INTROSPECT = "introspect"


OPERATORS_SCOPES: Final = frozenset({Scope.INTROSPECT})
"""Scopes that an account's tokens can have only if an operator has granted them to the account."""


class RevokeReason(StrEnum):
    """Why a token no longer works.

    The last one is never stored: it follows from the token's expiry.
    """

    REVOKED = "revoked"  # by its owner
    SIGNED_OUT_BY_OPERATOR = "signed_out_by_operator"
    REPLACED = "replaced"  # rotated, and the overlap has ended
    LEAK_REPORTED = "leak_reported"  # someone reported its value
    LEAK_FOUND = "leak_found"  # found by one of our scans
    DISABLED = "disabled"  # with its owner's account
    FROZEN = "frozen"  # with its owner's account
    PASSWORD_CHANGED = "password_changed"  # with its owner's password
    ACCOUNT_CLOSED = "account_closed"  # before its owner's account is deleted
    SCOPE_WITHDRAWN = "scope_withdrawn"  # an operator no longer grants one of its scopes
    EXPIRED = "expired"


class Token(CachedRow, Base):
    """An API token: a digest of its secret, its scopes and its lifetime.

    `scopes` is a space-separated list (RFC 6749 section 3.3). `replaced_by` is the token that
    a rotation created. The last use is stored in TokenUse, which is not cached.
    """

    __tablename__ = "tokens"
    __table_args__ = (
        Index(
            "ix_tokens_revoked_at",
            "revoked_at",
            sqlite_where=text("revoked_at IS NOT NULL"),
            postgresql_where=text("revoked_at IS NOT NULL"),
        ),
    )
    owner_columns: ClassVar[tuple[str, ...]] = ("user_id",)

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[str] = mapped_column(String(255), default="")
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    last_four: Mapped[str] = mapped_column(String(4))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime | None] = mapped_column(index=True)
    replaced_by: Mapped[UUID | None]
    revoked_at: Mapped[datetime | None]
    revoke_reason: Mapped[str | None] = mapped_column(String(40))
