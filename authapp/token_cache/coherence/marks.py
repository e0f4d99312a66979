"""Marks: a time in the database and in Redis, so that a restored database is noticed.

A worker writes a later mark to the database every ten seconds, and after that commit to Redis. So
the mark in Redis is never later than the one in the database, unless the database went back.
docs/coherence.md has the proof.
"""

import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import Final

from authapp import clock
from authapp.security.sealing import SealBroken, Sealer
from authapp.token_cache.coherence.database import CacheDatabase
from authapp.token_cache.redis.client import Command, RedisClient, RedisUnavailable
from authapp.token_cache.redis.scripts import VALUE

KEY: Final = "token_cache:mark"
INTERVAL: Final = timedelta(seconds=10)
"""What a database lost may go unnoticed if it was written within this time."""

_BINDING: Final = b"authapp token cache mark"
_MILLISECOND: Final = timedelta(milliseconds=1)


class Marks:
    """The marks of one deployment; sealed in Redis, where no one else can set a later one."""

    def __init__(self, client: RedisClient, database: CacheDatabase, sealer: Sealer) -> None:
        self._client = client
        self._database = database
        self._sealer = sealer
        self._turn = threading.Lock()
        self._due_at = 0.0

    def in_redis(self) -> int:
        """Return the mark in Redis, or 0 if there is none that opens; raises RedisUnavailable.

        Read it before the one in the database: a worker may be writing both.
        """
        held = self._client.read([KEY])
        if not isinstance(held, list) or len(held) != 1:
            raise RedisUnavailable("the response is not one from Redis")
        raw = held[0]
        if not isinstance(raw, bytes) or raw[:1] != VALUE:
            return 0
        with suppress(SealBroken):
            return int(self._sealer.open(raw[1:], bound_to=_BINDING))
        return 0

    def behind(self) -> timedelta:
        """Return how much older the database is than Redis; zero unless it went back.

        Raises RedisUnavailable and SQLAlchemyError.
        """
        marked = self.in_redis()
        return lag(marked, self._database.state().mark)

    def advance_if_due(self) -> None:
        """Write a later mark if the last one is old enough; raises what `advance` raises."""
        with self._turn:
            if time.monotonic() >= self._due_at:
                self.advance()
                self._due_at = time.monotonic() + INTERVAL.total_seconds()

    def advance(self) -> None:
        """Write a later mark to the database, then to Redis, unless the database went back.

        Raises RedisUnavailable and SQLAlchemyError.
        """
        marked = self.in_redis()
        seen = self._database.state().mark
        mark = _after(seen)
        # Of several workers, one wins; another's late write to Redis can only be an earlier mark.
        if seen >= marked and self._database.advance_mark(seen, mark):
            sealed = VALUE + self._sealer.seal(str(mark).encode(), bound_to=_BINDING)
            self._client.run((), then=[Command("SET", KEY, (sealed,))])

    def accept(self) -> None:
        """Begin a new epoch with a mark that is not behind Redis; raises SQLAlchemyError."""
        marked = 0
        with suppress(RedisUnavailable):
            marked = self.in_redis()
        while True:
            seen = self._database.state()
            if self._database.accept(seen, max(_after(seen.mark), marked)):
                return


def _after(mark: int) -> int:
    """Return the time as a mark, later than another mark even if clocks differ."""
    return max(mark + 1, int(clock.now().timestamp() * 1000))


def lag(in_redis: int, in_database: int) -> timedelta:
    """Return how much later the mark in Redis is."""
    return max(in_redis - in_database, 0) * _MILLISECOND
