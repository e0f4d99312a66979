"""Which programs have fetched the published keys, and the newest key that each has."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base


class JWKSFetch(Base):
    """One program that fetches the keys; `newest_kid` is the newest key that it has received."""

    __tablename__ = "jwks_fetches"
    __table_args__ = (Index(None, "last_at"),)

    consumer: Mapped[str] = mapped_column(String(200), primary_key=True)
    address: Mapped[str] = mapped_column(String(45), primary_key=True)
    newest_kid: Mapped[str] = mapped_column(String(43))
    first_at: Mapped[datetime] = mapped_column(default=clock.now)
    last_at: Mapped[datetime] = mapped_column(default=clock.now)
