"""Waiting times of accounts whose owner lost every second factor."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base


class LostFactor(Base):
    """One waiting time, and the client that started it.

    From `ends_at` to `expires_at`, the password turns two-step sign-in off. `remind_at` is when the
    owner is warned again; None after the last time.
    """

    __tablename__ = "lost_factors"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(400))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    remind_at: Mapped[datetime | None] = mapped_column(index=True)
    ends_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
