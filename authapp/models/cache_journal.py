"""What the token cache stores in the database: journal, tombstones, epoch and counters."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base

_Sequence = BigInteger().with_variant(Integer(), "sqlite")


class CacheJournal(Base):
    """A cache key whose change could not be sent to Redis; deleted once it is replayed."""

    __tablename__ = "cache_journal"

    id: Mapped[int] = mapped_column(_Sequence, primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class CacheTombstone(Base):
    """The cache key of a row that ended or was deleted; no older copy of it is trusted.

    At `expires_at`, every older copy has expired.
    """

    __tablename__ = "cache_tombstones"
    # The ids of deleted rows must not be reused.
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(_Sequence, primary_key=True)
    key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class CacheState(Base):
    """The cache's current epoch and the Redis servers that it belongs to; a single row.

    `servers` is the servers' fingerprint; a different fingerprint raises the epoch. `mark` is the
    latest one that a worker has written (`token_cache.coherence.marks`).
    """

    __tablename__ = "cache_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(BigInteger)
    servers: Mapped[str] = mapped_column(Text)
    mark: Mapped[int] = mapped_column(BigInteger, server_default="0")


class CacheCounter(Base):
    """How often an event happened, over all processes, by `kind` of entry."""

    __tablename__ = "cache_counters"

    event: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    total: Mapped[int] = mapped_column(BigInteger)
