"""How much of each limit on attempts is used; in the database, so that losing Redis resets none."""

from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp.models.base import Base


class Attempt(Base):
    """One subject's use of one limit.

    `subject` is a keyed digest of what the limit counts by. `free_at_ms` is when the limit will be
    entirely unused again, in milliseconds since 1970.
    """

    __tablename__ = "attempts"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    free_at_ms: Mapped[int] = mapped_column(BigInteger, index=True)
