"""How often each event happened: counted per process, added up in the database."""

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from authapp.models import CacheCounter
from authapp.models.base import table_of

log = logging.getLogger(__name__)


class Event:
    """What is counted, by kind of entry; plain strings, since they are hashed on every request."""

    RECALL: Final = "recall"  # answered from the process's memory
    HIT: Final = "hit"
    MISS: Final = "miss"
    FILL: Final = "fill"
    REFRESH: Final = "refresh"
    FENCE: Final = "fence"
    WRITE: Final = "write"
    JOURNAL: Final = "journal"
    REPLAY: Final = "replay"
    BROKEN_SEAL: Final = "broken_seal"
    ENDED_COPY: Final = "ended_copy"  # a value from before its row ended, which was refused
    UNKNOWN: Final = "unknown"
    DATABASE: Final = "database"


EVENTS: Final[tuple[str, ...]] = tuple(
    value for name, value in vars(Event).items() if name.isupper()
)
FLUSH_AFTER: Final = timedelta(seconds=5)


class Counters:
    """Counts by event and kind; a timer that runs only after a count stores them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._stored: Counter[tuple[str, str]] = Counter()
        self._timer: threading.Timer | None = None

    def count(self, event: str, kind: str, number: int = 1) -> None:
        """Add to a count; costs a lock and no round trip."""
        with self._lock:
            self._counts[event, kind] += number
            if self._timer is None:
                self._timer = threading.Timer(FLUSH_AFTER.total_seconds(), self.flush)
                self._timer.daemon = True
                self._timer.start()

    def counted(self, *events: str) -> int:
        """Return how often these events happened in this process."""
        with self._lock:
            return sum(number for (event, _), number in self._counts.items() if event in events)

    def flush(self) -> None:
        """Add the counts to the totals; while the database is away they are kept."""
        with self._lock:
            self._timer = None
            unstored = self._counts - self._stored
            self._stored = self._counts.copy()
        if not unstored:
            return
        try:
            with self._engine.begin() as connection:
                connection.execute(_addition(connection.dialect.name, unstored))
        except SQLAlchemyError as error:
            log.warning("cache counters could not be stored: %s", type(error).__name__)
            with self._lock:
                self._stored -= unstored

    def close(self) -> None:
        """Store the counts now, and stop the timer."""
        with self._lock:
            timer = self._timer
        if timer is not None:
            timer.cancel()
            self.flush()

    def totals(self) -> Iterator[tuple[str, str, int]]:
        """Yield event, kind and total over all processes."""
        with self._engine.connect() as connection:
            for row in connection.execute(select(_table)):
                yield row.event, row.kind, row.total


_table = table_of(CacheCounter)


def _addition(
    dialect: str, unstored: Counter[tuple[str, str]]
) -> "sqlite.Insert | postgresql.Insert":
    """Return one statement, so that either all counts are added or none."""
    # Every process uses the same order, so that no two deadlock.
    rows = [
        {"event": event, "kind": kind, "total": number}
        for (event, kind), number in sorted(unstored.items())
    ]
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(_table).values(rows)
    return insert.on_conflict_do_update(
        index_elements=["event", "kind"], set_={"total": _table.c.total + insert.excluded.total}
    )
