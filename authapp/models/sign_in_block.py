"""Blocked sign-ins of which a worker has not told the account's owner yet."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id


class SignInBlock(Base):
    """One block, with the address as entered and the client that caused it; deleted when handled.

    It is not known yet whether the address has an account.
    """

    __tablename__ = "sign_in_blocks"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(320))
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(400))
    created_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
