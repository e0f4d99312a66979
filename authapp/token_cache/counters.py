"""How often what happened, counted in this process and added up in the database over all."""

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

HIT: Final = "hit"
MISS: Final = "miss"
FILL: Final = "fill"
REFRESH: Final = "refresh"
FENCE: Final = "fence"
WRITE: Final = "write"
JOURNAL: Final = "journal"
REPLAY: Final = "replay"
BROKEN_SEAL: Final = "broken_seal"
UNKNOWN: Final = "unknown"
DATABASE: Final = "database"

EVENTS: Final = (
    HIT,
    MISS,
    FILL,
    REFRESH,
    FENCE,
    WRITE,
    JOURNAL,
    REPLAY,
    BROKEN_SEAL,
    UNKNOWN,
    DATABASE,
)

FLUSH_AFTER: Final = timedelta(seconds=5)


class Counters:
    """Counts by event and kind; a timer that only runs while there is news takes them home."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._unstored: Counter[tuple[str, str]] = Counter()
        self._timer: threading.Timer | None = None

    def count(self, event: str, kind: str, number: int = 1) -> None:
        """Add to a count; costs a lock and no round trip."""
        with self._lock:
            self._counts[event, kind] += number
            self._unstored[event, kind] += number
            if self._timer is None:
                self._timer = threading.Timer(FLUSH_AFTER.total_seconds(), self.flush)
                self._timer.daemon = True
                self._timer.start()

    def counted(self, event: str) -> int:
        """Return how often something happened in this process since it began."""
        with self._lock:
            return sum(number for (each, _), number in self._counts.items() if each == event)

    def flush(self) -> None:
        """Add what was counted to the totals; a database that is away gets it the next time."""
        with self._lock:
            unstored, self._unstored, self._timer = self._unstored, Counter(), None
        if not unstored:
            return
        try:
            with self._engine.begin() as connection:
                connection.execute(_addition(connection.dialect.name, unstored))
        except SQLAlchemyError as error:
            log.warning("cache counters could not be stored: %s", type(error).__name__)
            with self._lock:
                self._unstored.update(unstored)

    def close(self) -> None:
        """Store what was counted, now, and stop the timer."""
        with self._lock:
            timer = self._timer
        if timer is not None:
            timer.cancel()
            self.flush()

    def totals(self) -> Iterator[tuple[str, str, int]]:
        """Yield event, kind and total, as all processes have stored them."""
        with self._engine.connect() as connection:
            for row in connection.execute(select(_table)):
                yield row.event, row.kind, row.total


_table = table_of(CacheCounter)


def _addition(
    dialect: str, unstored: Counter[tuple[str, str]]
) -> "sqlite.Insert | postgresql.Insert":
    """Return one statement, so that it is done as a whole or not at all."""
    # In one order everywhere, so that two processes cannot deadlock.
    rows = [
        {"event": event, "kind": kind, "total": number}
        for (event, kind), number in sorted(unstored.items())
    ]
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(_table).values(rows)
    return insert.on_conflict_do_update(
        index_elements=["event", "kind"], set_={"total": _table.c.total + insert.excluded.total}
    )
