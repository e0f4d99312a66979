"""What operators do with the cache, and what the worker does for them."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from authapp.errors import Unavailable
from authapp.token_cache import backup, checking, keys, statistics, warming
from authapp.token_cache.checking import Checked
from authapp.token_cache.operations import Operations
from authapp.token_cache.protocol import Protocol
from authapp.token_cache.statistics import Statistics
from authapp.token_cache.wire import NotBelieved, RedisAway

log = logging.getLogger(__name__)


class Maintenance(Operations):
    """Warming, monitoring and mending; each raises RedisAway where it needs Redis."""

    def warm_keys(self) -> int:
        """Cache the signing keys; return how many there are."""
        return warming.warm_keys(self.parts)

    def warm_user(self, user_id: UUID) -> None:
        """Cache one person's tokens and sessions, if it can be done now."""
        try:
            warming.warm_users(self.parts, [user_id])
        except Unavailable:
            log.info("a person's tokens were not warmed: the database is busy")

    def warm_recent(self, within: timedelta) -> Iterator[int]:
        """Cache what belongs to the recently active; yields how many people each batch had."""
        for batch in warming.recently_active(within):
            warming.warm_users(self.parts, batch)
            yield len(batch)

    def statistics(self) -> Statistics:
        """Return how the cache is doing, over all processes."""
        return statistics.collect(self.parts)

    def check(self) -> Iterator[Checked]:
        """Compare every cached value with the database."""
        return checking.check(self.parts, self._protocol())

    def flush(self) -> int:
        """Raise the epoch, so that nothing opens any more, and remove every entry.

        Raises RedisAway when they could not be removed: they open no more all the same.
        """
        database = self.parts.database
        database.raise_epoch(database.state().epoch)
        if self.parts.protocol is None:
            return 0
        self.parts.protocol.gate.distrust()
        self._protocol()
        return sum(self.parts.writer.invalidate_pattern(each) for each in keys.ALL_PATTERNS)

    def backup(self, file: Path) -> int:
        """Write every entry to a new file; return how many there were."""
        return backup.backup(self._protocol(), file)

    def restore(self, file: Path) -> Iterator[tuple[int, int]]:
        """Fill what a file holds and the database confirms."""
        return backup.restore(self.parts, self._protocol(), file)

    def replay_journal(self) -> int:
        """Tell Redis of every journaled change, if it can be told now; the worker's sweep."""
        protocol = self.parts.protocol
        if protocol is None or protocol.gate.breaker.is_open:
            return 0
        try:
            with protocol.gate.watch():
                return protocol.gate.replay()
        except RedisAway:
            return 0

    def _protocol(self) -> Protocol:
        protocol = self.parts.protocol
        if protocol is None:
            raise NotBelieved("no Redis is configured: set REDIS_URL")
        protocol.enter()
        return protocol
