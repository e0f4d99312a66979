"""What the token cache keeps in the database: the journal, the epoch and the counters."""

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
