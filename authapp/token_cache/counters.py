"""Event counters, kept in each process and added up in the database."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import Dialect, Engine, Executable, select
from sqlalchemy.exc import SQLAlchemyError

from authapp.models import CacheCounter
from authapp.models.base import insert_into, table_of
from authapp.models.outage import database_outage

log = structlog.get_logger(__name__)


class Event:
    """The events that are counted; plain strings, because they are hashed on every request."""

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
    ENDED_COPY: Final = "ended_copy"  # refused: it shows an ended row as active
    UNKNOWN: Final = "unknown"
    DATABASE: Final = "database"


EVENTS: Final[tuple[str, ...]] = tuple(
    value for name, value in vars(Event).items() if name.isupper()
)
FLUSH_AFTER: Final = timedelta(seconds=5)


class Counters:
    """Counts by event and kind of entry, stored by a timer that starts at the first new count."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._stored: Counter[tuple[str, str]] = Counter()
        self._timer: threading.Timer | None = None

    def count(self, event: str, kind: str, number: int = 1) -> None:
        """Add to a counter; takes a lock but no round trip."""
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
        """Add new counts to the totals in the database; if that fails, keep them for next time."""
        with self._lock:
            self._timer = None
            unstored = self._counts - self._stored
            self._stored = self._counts.copy()
        if not unstored:
            return
        try:
            with self._engine.begin() as connection:
                connection.execute(_upsert(connection.dialect, unstored))
        except SQLAlchemyError as error:
            database_outage.note(error)
            log.debug("cache_counters_not_stored", error=type(error).__name__)
            with self._lock:
                self._stored -= unstored

    def close(self) -> None:
        """Stop the timer and store the counts now."""
        with self._lock:
            timer = self._timer
        if timer is not None:
            timer.cancel()
            self.flush()

    def totals(self) -> Iterator[tuple[str, str, int]]:
        """Yield each event, kind and total over all processes."""
        with self._engine.connect() as connection:
            for row in connection.execute(select(_table)):
                yield row.event, row.kind, row.total


_table = table_of(CacheCounter)


def _upsert(dialect: Dialect, unstored: Counter[tuple[str, str]]) -> Executable:
    """Return a single statement, which adds either all counts or none."""
    # All processes use the same order, which prevents deadlocks.
    rows = [
        {"event": event, "kind": kind, "total": number}
        for (event, kind), number in sorted(unstored.items())
    ]
    insert = insert_into(_table, dialect).values(rows)
    return insert.on_conflict_do_update(
        index_elements=["event", "kind"], set_={"total": _table.c.total + insert.excluded.total}
    )
