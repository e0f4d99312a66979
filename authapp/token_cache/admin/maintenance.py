"""What operators do with the cache, and what the worker does on its own."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from authapp.token_cache import keys
from authapp.token_cache.admin import backup, statistics, warm
from authapp.token_cache.admin import check as checking
from authapp.token_cache.admin.check import Checked
from authapp.token_cache.admin.statistics import Statistics
from authapp.token_cache.backend import TokenCacheBackend
from authapp.token_cache.operations import Operations
from authapp.token_cache.redis.client import RedisAway


class Maintenance(Operations):
    """Warming, monitoring and repair; each raises RedisAway if it needs Redis and cannot use it."""

    def warm_keys(self) -> int:
        """Cache the signing keys; return how many there are."""
        return warm.warm_keys(self.assembly)

    def warm_recent(self, within: timedelta) -> Iterator[int]:
        """Cache the tokens of recently active users; yields how many users each batch had."""
        for batch in warm.recently_active(within):
            warm.warm_users(self.assembly, batch)
            yield len(batch)

    def forget_expired_tombstones(self, most: int) -> int:
        """Delete some tombstones that are no longer needed; return how many there were."""
        return self.assembly.database.forget_expired_tombstones(most)

    def statistics(self) -> Statistics:
        """Return the cache's statistics, over all processes."""
        return statistics.collect(self.assembly)

    def check(self) -> Iterator[Checked]:
        """Compare every cached value with the database."""
        return checking.check(self._backend())

    def flush(self, pattern: str | None = None) -> int:
        """Remove every entry, or those whose key matches a glob; return how many were removed.

        Removing every entry also begins a new epoch: even an entry that could not be removed, or
        that someone writes back, no longer opens. Raises RedisAway when not all were removed.
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
        """Write every entry to a new file; return how many there were."""
        return backup.backup(self._backend(), file)

    def restore(self, file: Path) -> Iterator[tuple[int, int]]:
        """Fill the entries of a file that the database confirms."""
        return backup.restore(self._backend(), file)

    def replay_journal(self) -> int:
        """Tell Redis about every journaled change, if that is possible now; the worker's sweep."""
        trust = self.assembly.backend.trust
        if self.assembly.backend.client is None or trust.breaker.is_open:
            return 0
        try:
            with trust.watch():
                return trust.replay()
        except RedisAway:
            return 0

    def _backend(self) -> TokenCacheBackend:
        """Return the backend if Redis may be trusted now; raises RedisAway."""
        self.assembly.backend.enter()
        return self.assembly.backend
