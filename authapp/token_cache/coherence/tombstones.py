"""Tombstones: rows that ended or were deleted, so that no older copy of them is trusted.

A transaction that ends a row adds its key to a table, and every check of Redis reads the tombstones
that were added since the last one. If someone who can write to Redis puts back the sealed value of
an ended session, or hides its change, the value is accepted for CACHE_TRUST at most.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from authapp import clock

MOST: Final = 100_000
"""If more are in force, a new epoch replaces them, in which no older copy of any row opens."""

SETTLED_AFTER: Final = timedelta(seconds=60)
"""Longer than a transaction may take: an id that is still missing then was never committed."""

_CLOCK_DIFFERENCE: Final = timedelta(minutes=1)


class Tombstone(NamedTuple):
    """The key of a row that ended; at `expires_at`, every copy of the row has expired."""

    id: int
    key: str
    created_at: datetime
    expires_at: datetime


class Tombstones:
    """The tombstones that one process has read.

    Ids are assigned before transactions commit, so a lower id may appear after a higher one. Ids
    above `settled` are read again until the gaps between them are filled, or too old to be filled.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By a hash of the key: a collision only makes values of another key a miss.
        self._expiries: dict[int, float] = {}
        self._news: deque[str] = deque(maxlen=MOST)
        self._seen: set[int] = set()
        self._heights: deque[tuple[float, int]] = deque()
        self._pruned_at = time.monotonic()
        self.settled = 0
        """Every id up to this one was read, or will never be committed."""

        self.highest = 0
        """The highest id that was read."""

    def __contains__(self, key: str) -> bool:
        return hash(key) in self._expiries

    def __len__(self) -> int:
        return len(self._expiries)

    def add(self, tombstones: Sequence[Tombstone]) -> None:
        """Remember tombstones that were read above `settled`."""
        with self._lock:
            new = [each for each in tombstones if each.id not in self._seen]
            for tombstone in new:
                self._expiries[hash(tombstone.key)] = tombstone.expires_at.timestamp()
                self._news.append(tombstone.key)
                self._seen.add(tombstone.id)
            if not self.highest:
                old = clock.now() - SETTLED_AFTER - _CLOCK_DIFFERENCE
                self.settled = max((each.id for each in new if each.created_at < old), default=0)
            self._settle(time.monotonic())

    def clear(self) -> None:
        """Forget every key: a new epoch has begun since they were read."""
        with self._lock:
            self._expiries = {}

    def restart(self) -> None:
        """Read all ids again: in a new epoch, the database may be an older one, with lower ids."""
        with self._lock:
            self._seen = set()
            self._heights.clear()
            self.settled = self.highest = 0

    def take_news(self) -> Iterator[str]:
        """Yield each key that was added since the last call."""
        while self._news:
            yield self._news.popleft()

    def _settle(self, now: float) -> None:
        seconds = SETTLED_AFTER.total_seconds()
        self.highest = max(self.highest, *self._seen, 0)
        self._heights.append((now, self.highest))
        while now - self._heights[0][0] > seconds:
            self.settled = max(self.settled, self._heights.popleft()[1])
        while self.settled + 1 in self._seen:
            self.settled += 1
        self._seen = {id for id in self._seen if id > self.settled}
        if now - self._pruned_at > seconds:
            self._pruned_at, current = now, clock.now().timestamp()
            self._expiries = {key: at for key, at in self._expiries.items() if at > current}
