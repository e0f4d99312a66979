"""Passkeys: public keys whose private half a device or a password manager keeps (WebAuthn)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id


class Passkey(Base):
    """One passkey of an account.

    `sign_count` is the counter of its last use; most passkeys always send 0. `transports` tells
    browsers how to reach it. A passkey with `reported_at` is disabled, because the owner reported
    that someone else had added it.
    """

    __tablename__ = "passkeys"

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023), unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    transports: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_used_at: Mapped[datetime | None]
    reported_at: Mapped[datetime | None]
