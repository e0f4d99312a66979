"""Second factors: the authenticator app of an account, and the recovery codes that replace it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id


class AuthenticatorApp(Base):
    """The secret that an account shares with an authenticator app (TOTP, RFC 6238).

    It is asked for at sign-in once `confirmed_at` is set. `last_step` is the time step of the last
    accepted code, so that each code works once.
    """

    __tablename__ = "authenticator_apps"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    secret_sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    confirmed_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(default=0)


class RecoveryCode(Base):
    """One code that signs its user in once, in place of a code from the app."""

    __tablename__ = "recovery_codes"
    __table_args__ = (Index(None, "user_id", "digest", unique=True),)

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    digest: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    used_at: Mapped[datetime | None]
