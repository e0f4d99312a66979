"""Operators' tasks on the cache, and those that the worker runs by itself."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from authapp.token_cache import keys
from authapp.token_cache.admin import backup, statistics, warm
from authapp.token_cache.admin import check as checking
from authapp.token_cache.admin.check import Checked
from authapp.token_cache.admin.statistics import RedisStatistics, Statistics
from authapp.token_cache.backend import TokenCacheBackend
from authapp.token_cache.operations import Operations
from authapp.token_cache.redis.client import RedisUnavailable


class Maintenance(Operations):
    """Warm, monitor and repair the cache; raises RedisUnavailable where Redis is needed."""

    def warm_keys(self) -> int:
        """Cache the signing keys; return the number of keys."""
        return warm.warm_keys(self.assembly)

    def warm_recent(self, within: timedelta) -> Iterator[int]:
        """Cache the tokens of recently active users; yield the number of users in each batch."""
        for batch in warm.recently_active(within):
            warm.warm_users(self.assembly, batch)
            yield len(batch)

    def forget_expired_tombstones(self, most: int) -> int:
        """Delete up to `most` expired tombstones; return how many were deleted."""
        return self.assembly.database.forget_expired_tombstones(most)

    def statistics(self) -> Statistics:
        """Return the cache's statistics, over all processes."""
        return statistics.collect(self.assembly)

    def redis_statistics(self) -> RedisStatistics:
        """Return whether Redis answers and accepts writes; needs no database."""
        return statistics.of_redis(self.assembly)

    def check(self) -> Iterator[Checked]:
        """Compare every cached value with the database."""
        return checking.check(self._backend())

    def flush(self, pattern: str | None = None) -> int:
        """Remove every entry, or those whose key matches a glob; return how many were removed.

        Removing every entry also begins a new epoch, so that an entry that could not be removed, or
        that someone writes back, does not open. Raises RedisUnavailable if some were not removed.
        """
        if pattern is not None:
            self._backend()
            return self.assembly.backend.delete_pattern(pattern)
        database = self.assembly.database
        database.raise_epoch(database.state().epoch)
        if self.assembly.backend.client is None:
            return 0
        self.assembly.backend.trust.distrust()
        self._backend()
        return sum(self.assembly.backend.delete_pattern(each) for each in keys.ALL_PATTERNS)

    def backup(self, file: Path) -> int:
        """Write every entry to a new file; return the number of entries."""
        return backup.backup(self._backend(), file)

    def restore(self, file: Path) -> Iterator[tuple[int, int]]:
        """Fill the entries of a file that match the database."""
        return backup.restore(self._backend(), file)

    def mark_database(self) -> None:
        """Write a later mark every ten seconds; run by the worker."""
        trust = self.assembly.backend.trust
        if trust.marks is None or trust.breaker.is_open:
            return
        # Without this mark, what the database loses is noticed by the next one.
        with suppress(RedisUnavailable, SQLAlchemyError), trust.watch():
            trust.marks.advance_if_due()

    def database_lag(self) -> timedelta | None:
        """Return how much older the database is than Redis, usually zero; None if Redis is away."""
        marks = self.assembly.backend.trust.marks
        with suppress(RedisUnavailable):
            return marks.behind() if marks is not None else None
        return None

    def database_went_back(self) -> bool:
        """Return whether the database is older than Redis; False if Redis cannot tell."""
        return bool(self.database_lag())

    def accept_database(self) -> None:
        """Trust a database that went back, in a new epoch, in which no existing entry opens."""
        trust = self.assembly.backend.trust
        if trust.marks is not None:
            trust.marks.accept()
            trust.resume()

    def replay_journal(self) -> int:
        """Replay the journal if Redis is available, and return how many keys; run by the worker."""
        trust = self.assembly.backend.trust
        if self.assembly.backend.client is None or trust.breaker.is_open:
            return 0
        try:
            with trust.watch():
                return trust.replay()
        except RedisUnavailable:
            return 0

    def _backend(self) -> TokenCacheBackend:
        """Return the backend if Redis may be trusted now; raises RedisUnavailable."""
        self.assembly.backend.enter()
        return self.assembly.backend
