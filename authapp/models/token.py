"""API tokens: what programs present on a person's behalf."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String
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


class RevokeReason(StrEnum):
    """Why a token does not work any more.

    The last one is kept nowhere: the token's own time says it.
    """

    REVOKED = "revoked"  # by its owner
    REPLACED = "replaced"  # rotated, and the overlap is over
    LEAK_REPORTED = "leak_reported"  # someone reported its value
    LEAK_FOUND = "leak_found"  # one of our scans found it
    DISABLED = "disabled"  # with its owner's account
    FROZEN = "frozen"  # with its owner's account
    ACCOUNT_CLOSED = "account_closed"  # before it is deleted
    ADDRESS_PROVEN = "address_proven"  # made before anybody had shown whose address it is
    EXPIRED = "expired"


class Token(CachedRow, Base):
    """An API token: a digest of its secret, its scopes, and its life.

    `scopes` is a space-separated list (RFC 6749 section 3.3). `replaced_by` is the token that
    a rotation made; when this one was last used stands in TokenUse, which no cache keeps.
    """

    __tablename__ = "tokens"
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
