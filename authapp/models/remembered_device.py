"""Devices on which a user does not have to enter a code again for some time."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id


class RememberedDevice(Base):
    """A device whose cookie has the secret of `digest`; it is deleted when it is forgotten.

    `session_id` is the latest session that was begun on it. How long it is remembered follows from
    `created_at` and a setting.
    """

    __tablename__ = "remembered_devices"

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes]
    session_id: Mapped[UUID]
    user_agent: Mapped[str] = mapped_column(String(400))
    created_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
    last_used_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_used_address: Mapped[str] = mapped_column(String(45))
