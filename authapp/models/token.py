"""API tokens: what programs present on a person's behalf."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id
from authapp.models.changes import CachedRow


class Token(CachedRow, Base):
    """An API token: a digest of its secret, its scopes, and its life.

    `scopes` is a space-separated list (RFC 6749 section 3.3).
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
    last_used_at: Mapped[datetime | None]
    last_used_address: Mapped[str | None] = mapped_column(String(45))
    revoked_at: Mapped[datetime | None]
    revoke_reason: Mapped[str | None] = mapped_column(String(40))
