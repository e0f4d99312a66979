"""Requests for a link that sets a new password, until a worker has answered them."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id


class PasswordResetRequest(Base):
    """One request, as it was typed and from where; gone as soon as it is answered.

    Whether the address has an account is not known yet.
    """

    __tablename__ = "password_reset_requests"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(320))
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(400))
    created_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
