"""What a process remembers of the cache, and when it may answer from memory alone.

A process trusts its memory for CACHE_LOCAL_TRUST from the start of its last poll of the change log.
The first request after that time polls again, in one round trip, and the process forgets every
logged key. docs/coherence.md has the rules and the proof.
"""

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple

from authapp.config import Settings
from authapp.token_cache.coherence.steps import CoherentRedisCache
from authapp.token_cache.coherence.trust import Ticket
from authapp.token_cache.coherence.values import Look
from authapp.token_cache.counters import Counters, Event
from authapp.token_cache.entries import CachedEntry
from authapp.token_cache.redis.change_log import ChangeLog, News

MOST_VALUES: Final = 20_000
MOST_VALUE_BYTES: Final = 16 << 20
MOST_ABSENT: Final = 10_000
"""Keys without a row have their own memory, so that guessed ids cannot displace values."""

MAX_MEMORY_TIME: Final = timedelta(minutes=1)
"""After this time Redis is read again, because only that refreshes a value before it expires."""

_ABSENT_BYTES: Final = 100


class Remembered(NamedTuple):
    """A value, the monotonic time until which it may be used, and its size in bytes."""

    value: Any
    until: float
    size: int


class Memory:
    """A mapping limited in entries and bytes, which drops the oldest; reads take no lock."""

    def __init__(self, most_entries: int, most_bytes: int) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._bytes = 0
        self._entries: dict[str, Remembered] = {}
        self.get = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, key: str, remembered: Remembered) -> None:
        """Remember a value; the caller must hold the lock that guards all changes."""
        self.forget(key)
        self._entries[key] = remembered
        self._bytes += remembered.size
        while len(self._entries) > self._most_entries or self._bytes > self._most_bytes:
            self.forget(next(iter(self._entries)))

    def forget(self, key: str) -> None:
        known = self._entries.pop(key, None)
        if known is not None:
            self._bytes -= known.size

    def clear(self) -> None:
        self._entries.clear()
        self._bytes = 0


class LocalTier:
    """One process's memory of rows, lists and keys that have no row."""

    def __init__(self, backend: CoherentRedisCache, counters: Counters, settings: Settings) -> None:
        self._backend = backend
        self._counters = counters
        self._log = ChangeLog(backend.client) if backend.client else None
        self._trust_seconds = settings.cache.local_trust.total_seconds()
        self._patience_seconds = settings.cache.timeout.total_seconds()
        self._lock = threading.Lock()
        self._polling = threading.Lock()
        self._values = Memory(MOST_VALUES, MOST_VALUE_BYTES)
        self._absent = Memory(MOST_ABSENT, MOST_ABSENT * _ABSENT_BYTES)
        self._trusted_until = 0.0
        self._generation = 0
        self._position = b""
        self._epoch = 0

    @property
    def is_on(self) -> bool:
        return self._log is not None and self._trust_seconds > 0

    def recall(self, entries: Sequence[CachedEntry]) -> dict[str, Any]:
        """Return the remembered values by key if memory is trusted now; takes no round trip."""
        now = time.monotonic()
        if now >= self._trusted_until:
            return {}
        recalled = {}
        for entry in entries:
            known = self._values.get(entry.key) or self._absent.get(entry.key)
            if known is not None and now < known.until:
                recalled[entry.key] = known.value
                self._counters.count(Event.RECALL, entry.kind.name)
        return recalled

    def catch_up(self) -> int | None:
        """Poll the log unless memory is trusted, and return the generation of memory.

        A value that is looked up after this may be remembered only while the generation is the
        same, which means that no poll has brought news since. None means that nothing may be
        remembered. Raises RedisUnavailable.
        """
        if not self.is_on:
            return None
        if time.monotonic() >= self._trusted_until:
            self._poll_in_turn()
        return self._generation

    def remember(self, entry: CachedEntry, look: Look, generation: int | None) -> None:
        """Remember a value that was read from Redis or has just been filled there."""
        if generation is None:
            return
        seconds = min(look.time_left, MAX_MEMORY_TIME).total_seconds()
        size = _size_of(look.value)
        remembered = Remembered(look.value, time.monotonic() + seconds, size)
        self._put(self._values, entry, remembered, generation)

    def remember_absent(self, entry: CachedEntry, generation: int | None) -> None:
        """Remember that no row exists.

        The caller must have held the entry's lease since before it queried the database, so that
        no writer can have fenced the key in between.
        """
        if generation is None:
            return
        until = time.monotonic() + MAX_MEMORY_TIME.total_seconds()
        self._put(self._absent, entry, Remembered(None, until, _ABSENT_BYTES), generation)

    def _put(
        self, memory: Memory, entry: CachedEntry, remembered: Remembered, generation: int
    ) -> None:
        with self._lock:
            if generation == self._generation:
                memory.put(entry.key, remembered)

    def _poll_in_turn(self) -> None:
        """Poll, or wait for the thread that is polling."""
        if not self._polling.acquire(timeout=self._patience_seconds):
            return
        try:
            if time.monotonic() >= self._trusted_until:
                self._poll()
        finally:
            self._polling.release()

    def _poll(self) -> None:
        """Read the log, forget the logged keys, and trust memory from when the read began."""
        if self._log is None:
            return
        ticket, began = self._backend.enter(), time.monotonic()
        with self._backend.trust.watch():
            news = self._log.read_after(self._position)
        self._backend.confirm(ticket)
        self._forget(news, ticket)
        # No longer than Redis itself is trusted: by the next check, the journal may have been
        # replayed, and its keys may be in the log without being forgotten here.
        self._trusted_until = min(began + self._trust_seconds, ticket.until)

    def _forget(self, news: News, ticket: Ticket) -> None:
        ended = list(self._backend.trust.tombstones.take_news())
        with self._lock:
            if news.keys is None or ticket.epoch != self._epoch:
                self._values.clear()
                self._absent.clear()
                self._generation += 1
            elif news.keys or ended:
                for key in (*news.keys, *ended):
                    self._values.forget(key)
                    self._absent.forget(key)
                self._generation += 1
            self._position, self._epoch = news.position, ticket.epoch


def _size_of(value: Any) -> int:
    """Return the approximate size of a record or list in memory, in bytes."""
    size = sys.getsizeof(value)
    if isinstance(value, list):
        return size + sum(map(sys.getsizeof, value))
    if is_dataclass(value):
        return size + sum(sys.getsizeof(getattr(value, field.name)) for field in fields(value))
    return size
