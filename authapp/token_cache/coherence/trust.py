"""When Redis may be trusted: the breaker, the journal's replay and the epoch, checked together.

Redis is trusted for CACHE_TRUST from the start of a check. The check replays the changes that
Redis missed and the database journaled, and begins a new epoch if Redis is not the same server as
before. A writer that journaled waits for CACHE_TRUST before it reports success, so any read after
the report relies on a check that began after the commit. docs/coherence.md has the proof.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import structlog
from sqlalchemy.exc import SQLAlchemyError

from authapp.config import Settings
from authapp.token_cache.coherence import journal, tombstones
from authapp.token_cache.coherence.database import CacheDatabase, State
from authapp.token_cache.coherence.marks import Marks, lag
from authapp.token_cache.coherence.servers import Servers
from authapp.token_cache.coherence.state_query import MISSED_CHANGES_UNKNOWN, StateQuery
from authapp.token_cache.coherence.tombstones import Tombstones
from authapp.token_cache.counters import Counters
from authapp.token_cache.redis.breaker import Breaker
from authapp.token_cache.redis.client import (
    NotTrusted,
    RedisClient,
    RedisSilent,
    RedisUnavailable,
    WritesRefused,
)

log = structlog.get_logger(__name__)

_PATIENCE: Final = 3
"""Number of Redis timeouts to wait for another thread's check, or for the database."""

_PAUSE_SECONDS: Final = 1.0
"""How long a process does not check again after it noticed that the database went back."""

DATABASE_WENT_BACK: Final = (
    "the database is older than Redis: after restoring a backup, run"
    " `flask security database-restored`"
)


class Ticket(NamedTuple):
    """Permission to trust Redis.

    Only values of `epoch` open. `connections` is the number of connections that were checked; a
    later one may lead to another server, which `Trust.confirms` detects. `until` is monotonic time.
    """

    epoch: int = 0
    connections: int = 0
    until: float = 0.0


class Trust:
    """One process's trust in Redis; without a client, there is none."""

    def __init__(
        self,
        client: RedisClient | None,
        database: CacheDatabase,
        counters: Counters,
        settings: Settings,
        marks: Marks | None,
    ) -> None:
        self.trust_seconds = settings.cache.trust.total_seconds()
        self.breaker = Breaker(self._probe)
        self.tombstones = Tombstones()
        self.marks = marks
        self._redis = client
        self._database = database
        self._counters = counters
        self._patience_seconds = _PATIENCE * settings.cache.timeout.total_seconds()
        self._checking = threading.Lock()
        self._state_query = StateQuery(database, self.tombstones, self._patience_seconds)
        self._ticket = Ticket()
        self._servers = Servers(self.trust_seconds)
        self._checked_at = self._trusted_until = 0.0
        self._paused_until = 0.0
        self._database_went_back = False
        self._refuses_writes = False
        self.doubt = "it has not been checked yet" if client else "REDIS_URL is not set"
        """Why Redis is not trusted, if it is not."""

    @property
    def epoch(self) -> int | None:
        """The epoch to seal values in; None until the first check has succeeded."""
        return self._ticket.epoch or None

    def enter(self) -> Ticket | None:
        """Return a ticket to trust Redis, or None if it must not be used or trusted."""
        if self._redis is None or self.breaker.is_open:
            return None
        entered, left = time.monotonic(), self._seconds_left()
        if entered < self._paused_until:
            return None
        if left < self.trust_seconds / 2:
            # In the second half of the time, one request checks ahead; after it, all requests wait.
            self._check_in_turn(wait=left <= 0)
        # A check that took too long is still valid for requests that began before it.
        is_trusted = self._seconds_left() > 0 or self._checked_at >= entered
        return self._ticket if is_trusted and self._trusted_until else None

    def confirms(self, ticket: Ticket) -> bool:
        """Return whether all responses since a ticket was issued came from known servers.

        After a failure, or over connections made since, they may have come from other servers.
        Those are checked first, and must be in the ticket's epoch.
        """
        made = self._client.connections
        if made > ticket.connections or not self._trusted_until:
            if self.breaker.is_open:
                return False
            self._check_in_turn(made, wait=True)
        known = self._ticket
        is_trusted = self._trusted_until > 0 and known.connections >= made
        return is_trusted and known.epoch == ticket.epoch

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count successes and failures of Redis; after a failure, require a check."""
        try:
            yield
        except NotTrusted:
            raise
        except RedisUnavailable as error:
            self._trusted_until = 0.0
            if isinstance(error, WritesRefused) and not self._refuses_writes:
                self._refuses_writes = True
                log.warning("redis_refuses_writes", error=str(error))
            self.breaker.failed(error, is_timeout=isinstance(error, RedisSilent))
            raise
        self.breaker.succeeded()

    def note_written(self) -> None:
        """Log that Redis accepts writes again, if it did not."""
        if self._refuses_writes:
            self._refuses_writes = False
            log.warning("redis_accepts_writes")

    def distrust(self) -> None:
        """Require a check before Redis is trusted again."""
        self._trusted_until = 0.0

    def resume(self) -> None:
        """Check at the next use, although the database went back: an operator has accepted it."""
        self._trusted_until = self._paused_until = 0.0

    def close(self) -> None:
        """Stop probing, and wait for a database query that is running."""
        self.breaker.stop()
        self._state_query.close()

    def check(self) -> None:
        """Make sure that Redis is the known server and has received every change.

        Raises RedisUnavailable if that cannot be established.
        """
        began = time.monotonic()
        was_trusted, epoch = self._trusted_until > 0, self._ticket.epoch
        # Before the mark in the database: a worker may be writing both.
        marked = self.marks.in_redis() if self.marks else 0
        state = self._state_query.ask_in_epoch(epoch)
        if state is not None:
            self._require_not_older(state, marked)
        expected = state.servers if state else self._servers.known
        servers, connections = self._servers.find(self._client, expected)
        if state is None and not (was_trusted and servers == self._servers.known):
            raise NotTrusted(MISSED_CHANGES_UNKNOWN)
        if state is not None:
            try:
                epoch = self._settle_state(state, servers)
            except SQLAlchemyError as error:
                raise NotTrusted(MISSED_CHANGES_UNKNOWN) from error
        self._servers.require_noticed(servers)
        self._servers.known = servers
        self._ticket = Ticket(epoch, connections, began + self.trust_seconds)
        self._checked_at, self._trusted_until = began, began + self.trust_seconds

    def replay(self) -> int:
        """Remove every journaled key from Redis, and return how many there were."""
        return journal.replay(self._database, self._client, self._counters)

    @property
    def _client(self) -> RedisClient:
        if self._redis is None:
            raise NotTrusted(self.doubt)
        return self._redis

    def _seconds_left(self) -> float:
        return self._trusted_until - time.monotonic()

    def _check_in_turn(self, connections: int = 0, *, wait: bool) -> None:
        """Check, unless another thread has just checked as many connections."""
        if not self._checking.acquire(timeout=self._patience_seconds if wait else 0):
            return
        try:
            is_fresh = self._seconds_left() > self.trust_seconds / 2
            is_needed = not is_fresh or self._ticket.connections < connections
            # The breaker may have opened while this thread waited for its turn.
            if is_needed and not self.breaker.is_open:
                with self.watch():
                    self.check()
        except RedisUnavailable as error:
            self.doubt = str(error)
        finally:
            self._checking.release()

    def _probe(self) -> bool:
        try:
            with self._checking:
                self.check()
        except RedisUnavailable as error:
            self.doubt = str(error)
            return False
        return True

    def _settle_state(self, state: State, servers: str) -> int:
        """Begin a new epoch if necessary, replay the journal, and return the epoch to use."""
        if state.servers != servers:
            if state.servers:
                log.warning("redis_replaced")
            self._database.raise_epoch(state.epoch, servers)
            state = self._database.state()
            if state.servers != servers:
                raise NotTrusted("another process is connected to other servers")
        if state.journal_waits:
            self.replay()
        if len(self.tombstones) > tombstones.MOST:
            self._database.raise_epoch(state.epoch)
            self._database.forget_tombstones(up_to=self.tombstones.highest)
            self.tombstones.clear()
            state = self._database.state()
        return state.epoch

    def _require_not_older(self, state: State, marked: int) -> None:
        """Raise NotTrusted if the database went back: Redis may hold what it no longer has."""
        behind = lag(marked, state.mark)
        if not behind:
            self._database_went_back = False
            return
        if not self._database_went_back:
            self._database_went_back = True
            log.critical(
                "database_went_back",
                seconds=round(behind.total_seconds()),
                run="flask security database-restored",
            )
        self._trusted_until, self._paused_until = 0.0, time.monotonic() + _PAUSE_SECONDS
        raise NotTrusted(DATABASE_WENT_BACK)
