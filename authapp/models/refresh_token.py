"""Sessions: one row per sign-in, whose refresh token is derived and never stored."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, String, text
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id
from authapp.models.changes import CachedRow


class EndReason(StrEnum):
    """Why a session ended; the pages have a text for each.

    The last two are never stored: they follow from the session's times.
    """

    SIGNED_OUT = "signed_out"
    SIGNED_OUT_ELSEWHERE = "signed_out_elsewhere"
    SIGNED_OUT_BY_OPERATOR = "signed_out_by_operator"
    REPLACED = "replaced"
    PASSWORD_CHANGED = "password_changed"
    REUSE_SEEN = "reuse_seen"
    PASSWORD_GUESSED = "password_guessed"
    FACTORS_REMOVED = "factors_removed"
    FROZEN = "frozen"
    ACCOUNT_CLOSED = "account_closed"
    DISABLED = "disabled"
    OVER_LIMIT = "over_limit"
    IDLE = "idle"
    TOO_OLD = "too_old"


class RefreshToken(CachedRow, Base):
    """One session's renewal chain.

    `generation` counts rotations, and `rotated_at` is the time of the latest one. `expires_at` is
    the earlier of the idle and the absolute limit. `amr` lists the authentication methods of the
    session (RFC 8176), and `roles` is a copy of the user's roles, both separated by spaces.
    `client_id` is how it began (`domain.client`).
    """

    __tablename__ = "refresh_tokens"
    owner_columns: ClassVar[tuple[str, ...]] = ("user_id",)

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    generation: Mapped[int] = mapped_column(default=0)
    rotated_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
    remember: Mapped[bool] = mapped_column(default=False)
    auth_time: Mapped[datetime] = mapped_column(default=clock.now)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    created_address: Mapped[str] = mapped_column(String(45))
    last_used_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_used_address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(400))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    absolute_expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(40))
    amr: Mapped[str] = mapped_column(String(40), default="pwd", server_default="pwd")
    roles: Mapped[str] = mapped_column(String(255), default="", server_default=text("''"))
    client_id: Mapped[str] = mapped_column(String(20), default="web", server_default="web")
