"""How far each limit on attempts is used up; in the database: losing Redis opens no door."""

from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp.models.base import Base


class Attempt(Base):
    """One subject's standing under one limit.

    `subject` is a keyed digest of whom the limit counts. `free_at_ms` is when, in milliseconds
    since 1970, the limit would be wholly unused again.
    """

    __tablename__ = "attempts"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    free_at_ms: Mapped[int] = mapped_column(BigInteger, index=True)
