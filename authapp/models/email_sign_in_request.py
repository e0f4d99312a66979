"""Requests for a sign-in code that a worker has not answered yet."""

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id


class EmailSignInRequest(Base):
    """One request, with the address as entered, the client and a digest of its browser's secret.

    It is not known yet whether the address has an account. Deleted as soon as it is answered.
    """

    __tablename__ = "email_sign_in_requests"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(320))
    browser_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(400))
    created_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
