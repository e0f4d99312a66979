"""Password reset requests that a worker has not answered yet."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id


class PasswordResetRequest(Base):
    """One request, with the address as entered and the client; deleted as soon as it is answered.

    It is not known yet whether the address has an account. `continue_to` is the page of this site
    that the visitor asked for before.
    """

    __tablename__ = "password_reset_requests"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(320))
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(400))
    continue_to: Mapped[str | None] = mapped_column(String(2000))
    created_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
