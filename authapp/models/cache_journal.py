"""What the token cache keeps in the database: journal, tombstones, epoch and counters."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base

_Sequence = BigInteger().with_variant(Integer(), "sqlite")


class CacheJournal(Base):
    """A cache key that changed while Redis could not be told; removed once Redis was told."""

    __tablename__ = "cache_journal"

    id: Mapped[int] = mapped_column(_Sequence, primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class CacheTombstone(Base):
    """The cache key of a row that was ended or deleted; no older copy of it is trusted.

    From `expires_at` on, every copy from before has expired.
    """

    __tablename__ = "cache_tombstones"
    # Ids that were given to deleted rows must not be given again.
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(_Sequence, primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class CacheState(Base):
    """The one row that says which epoch the cache is in, and which servers it was seen on.

    `servers` is the fingerprint of the run ids; another one raises the epoch.
    """

    __tablename__ = "cache_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(BigInteger)
    servers: Mapped[str] = mapped_column(Text)


class CacheCounter(Base):
    """How often something happened, over all processes: `event` by `kind` of entry."""

    __tablename__ = "cache_counters"

    event: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    total: Mapped[int] = mapped_column(BigInteger)
