"""The reader's half of the protocol: memory, then Redis, then the database."""

import math
import random
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog

from authapp import clock
from authapp.errors import Unavailable
from authapp.token_cache.coherence.database import CacheDatabase
from authapp.token_cache.coherence.local_tier import LocalTier
from authapp.token_cache.coherence.shared_loads import SharedLoads
from authapp.token_cache.coherence.steps import CoherentRedisCache, new_id
from authapp.token_cache.coherence.trust import Ticket
from authapp.token_cache.coherence.values import Look
from authapp.token_cache.counters import Counters, Event
from authapp.token_cache.entries import CachedEntry, RowEntry, load
from authapp.token_cache.redis.client import RedisUnavailable
from authapp.token_cache.redis.scripts import LEASE

log = structlog.get_logger(__name__)

PATIENCE_SECONDS: Final = 0.06
PAUSE_SECONDS: Final = 0.005


class Reader:
    """Read entries from memory, Redis or the database, and never a stale one."""

    def __init__(
        self,
        backend: CoherentRedisCache,
        local: LocalTier,
        database: CacheDatabase,
        counters: Counters,
    ) -> None:
        self._backend = backend
        self._local = local
        self._counters = counters
        self._loads = SharedLoads(partial(load, database))
        self._load_seconds = 0.001

    def read(self, entries: Sequence[CachedEntry]) -> list[Any]:
        """Return each entry's committed value, or None if its row does not exist.

        An answer from memory takes no round trip, and one from Redis takes one. Raises Unavailable
        if neither Redis nor the database can answer.
        """
        values = self._local.recall(entries)
        if len(values) < len(entries):
            rest = [entry for entry in entries if entry.key not in values]
            values.update(self._read_cached(rest))
            rest = [entry for entry in rest if entry.key not in values]
            values.update({entry.key: value for entry, value in self._load(rest).items()})
        return [values[entry.key] for entry in entries]

    def _read_cached(self, entries: Sequence[CachedEntry]) -> dict[str, Any]:
        """Return the values that Redis holds or that can be filled; the caller loads the rest."""
        values: dict[str, Any] = {}
        try:
            generation = self._local.catch_up()
            values.update(self._local.recall(entries))
            asked = [entry for entry in entries if entry.key not in values]
            ticket, looks = self._backend.look(asked) if asked else (Ticket(), {})
            for entry, look in looks.items():
                self._counters.count(Event.HIT if look.is_hit else Event.MISS, entry.kind.name)
                if look.is_hit:
                    self._accept(entry, look, generation, values)
                    values[entry.key] = self._refreshed_ahead(ticket, entry, look)
            misses = {entry: look for entry, look in looks.items() if not look.is_hit}
            self._fill(ticket, misses, generation, values)
        except RedisUnavailable as away:
            log.debug("redis_not_read", reason=str(away))
        return values

    def _accept(
        self, entry: CachedEntry, look: Look, generation: int | None, values: dict[str, Any]
    ) -> None:
        """Add a value that was read from Redis to `values`, and remember it."""
        values[entry.key] = look.value
        self._local.remember(entry, look, generation)

    def _fill(
        self,
        ticket: Ticket,
        misses: Mapping[CachedEntry, Look],
        generation: int | None,
        values: dict[str, Any],
    ) -> None:
        """Take leases, load the leased entries, and fill those whose lease is still held.

        A fenced entry is not filled: the caller loads it. If another reader holds the lease, this
        waits for its value.
        """
        lease = new_id()
        free = {entry: look for entry, look in misses.items() if not look.is_fence}
        looks = self._backend.take_leases(ticket, lease, free) if free else {}
        leased = [entry for entry, look in looks.items() if look.is_absent]
        for entry, look in looks.items():
            if look.is_hit:
                self._accept(entry, look, generation, values)
        if leased:
            self._fill_leased(ticket, LEASE + lease, leased, generation, values)
        self._wait_for_others([e for e, look in looks.items() if look.is_lease], generation, values)

    def _fill_leased(
        self,
        ticket: Ticket,
        placed: bytes,
        leased: Sequence[CachedEntry],
        generation: int | None,
        values: dict[str, Any],
    ) -> None:
        try:
            loaded = self._load(leased)
        except Unavailable:
            self._backend.replace(ticket, placed, dict.fromkeys(leased))
            raise
        # Before filling: the loaded values are the answer even if the fill fails.
        values.update({entry.key: value for entry, value in loaded.items()})
        for entry, replaced in self._backend.replace(ticket, placed, loaded).items():
            if replaced and loaded[entry] is None:
                self._local.remember_absent(entry, generation)
            elif replaced:
                self._counters.count(Event.FILL, entry.kind.name)
                ends = clock.now() + entry.time_left(loaded[entry])
                self._local.remember(entry, Look(value=loaded[entry], ends=ends), generation)

    def _wait_for_others(
        self, leased: Sequence[CachedEntry], generation: int | None, values: dict[str, Any]
    ) -> None:
        """Look again while another reader fills, so that many cold readers cause only one load."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        pause = threading.Event()
        while leased and time.monotonic() < give_up_at:
            pause.wait(PAUSE_SECONDS)
            _, looks = self._backend.look(leased)
            for entry, look in looks.items():
                if look.is_hit:
                    self._accept(entry, look, generation, values)
            leased = [entry for entry, look in looks.items() if look.is_lease]

    def _load(self, entries: Sequence[CachedEntry]) -> dict[CachedEntry, Any]:
        """Load entries from the database."""
        if not entries:
            return {}
        began = time.monotonic()
        loaded = self._loads.load(entries)
        self._load_seconds += (time.monotonic() - began - self._load_seconds) / 16
        for entry, value in loaded.items():
            self._counters.count(Event.DATABASE, entry.kind.name)
            if value is None:
                self._counters.count(Event.UNKNOWN, entry.kind.name)
        return loaded

    def _refreshed_ahead(self, ticket: Ticket, entry: CachedEntry, look: Look) -> Any:
        """Refresh a value that is about to expire, before any request has to wait for it.

        The value that was found serves as the lease, because any change since would have replaced
        it. If the refresh fails, that value is returned.
        Source: Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede
        Prevention" (XFetch).
        """
        ahead = -self._load_seconds * math.log(1.0 - random.random())  # noqa: S311 - no secret
        if look.time_left > timedelta(seconds=ahead) or _ends_with_its_row(entry, look):
            return look.value
        try:
            loaded = self._load([entry])
            self._backend.replace(ticket, look.raw, loaded)
        except (Unavailable, RedisUnavailable) as error:
            log.debug("cached_value_not_refreshed", error=type(error).__name__)
            return look.value
        self._counters.count(Event.REFRESH, entry.kind.name)
        return loaded[entry]


def _ends_with_its_row(entry: CachedEntry, look: Look) -> bool:
    """Return whether a fresh value would expire no later than this one."""
    if not isinstance(entry, RowEntry) or look.ends is None:
        return False
    expires_at: datetime | None = look.value.expires_at
    return expires_at is not None and expires_at <= look.ends
