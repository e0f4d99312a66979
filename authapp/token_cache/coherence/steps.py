"""The steps of the coherence protocol, as methods of the Flask-Caching backend.

Each step takes one round trip, or two in a cluster. docs/coherence.md states the protocol,
`scripts` has the Lua, and `change_log` has the log that tells processes which keys to forget.
"""

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from flask_caching.backends.rediscache import RedisCache

from authapp.config import Settings
from authapp.security.sealing import Sealer
from authapp.token_cache import keys
from authapp.token_cache.coherence.database import CacheDatabase
from authapp.token_cache.coherence.marks import Marks
from authapp.token_cache.coherence.trust import Ticket, Trust
from authapp.token_cache.coherence.values import MILLISECOND, Look, Values
from authapp.token_cache.counters import Counters, Event
from authapp.token_cache.entries import E, Entry
from authapp.token_cache.redis import scripts
from authapp.token_cache.redis.change_log import addition
from authapp.token_cache.redis.client import (
    Command,
    NotTrusted,
    RedisClient,
    RedisUnavailable,
    Script,
)
from authapp.token_cache.redis.envelope import Envelope

LEASE: Final = timedelta(seconds=2)
FENCE: Final = timedelta(seconds=30)


class CoherentRedisCache(RedisCache):
    """Flask-Caching's Redis backend, with the steps that keep cached rows coherent.

    Without REDIS_URL it has no client: it holds nothing, and nothing needs to be removed.
    """

    def __init__(self, settings: Settings, database: CacheDatabase, counters: Counters) -> None:
        client = RedisClient(settings, settings.cache.url) if settings.cache.url else None
        super().__init__(host=client or object(), key_prefix=settings.cache.key_prefix)
        self.client = client
        self.counters = counters
        self.database = database
        sealer = Sealer(settings.secrets.cache_sealing_keys)
        self.envelope = Envelope(sealer)
        self.local_trust_seconds = settings.cache.local_trust.total_seconds()
        marks = Marks(client, database, sealer) if client else None
        self.trust = Trust(client, database, counters, settings, marks)
        self.values = Values(self.envelope, self.trust.tombstones, counters)

    def enter(self) -> Ticket:
        """Return a ticket to trust Redis; raises RedisUnavailable if it cannot be trusted."""
        ticket = self.trust.enter()
        if ticket is None:
            raise NotTrusted(self.trust.doubt)
        return ticket

    def look(self, entries: Sequence[E]) -> tuple[Ticket, dict[E, Look]]:
        """Return what each key holds, read while Redis is trusted; raises RedisUnavailable."""
        ticket = self.enter()
        with self.trust.watch():
            held = self._client.read([entry.key for entry in entries])
        self.confirm(ticket)
        return ticket, self._open_all(ticket, entries, held)

    def take_leases(self, ticket: Ticket, lease: bytes, looks: Mapping[E, Look]) -> dict[E, Look]:
        """Lease the keys that are absent or do not open, and return what each key holds now.

        A key that was leased is returned as absent.
        """
        lifetime = int(LEASE / MILLISECOND)
        steps = [
            Script(scripts.TAKE_LEASE, entry.key, (lease, lifetime, look.raw))
            for entry, look in looks.items()
        ]
        answers = self._run(steps)
        self.confirm(ticket)
        return self._open_all(ticket, looks, answers)

    def replace(
        self,
        ticket: Ticket,
        placed: bytes,
        values: Mapping[E, Any],
        not_after: Mapping[E, datetime] | None = None,
    ) -> dict[E, bool]:
        """Replace bytes that this process placed or read with a value; None deletes the key.

        `not_after` is the latest time at which each value may expire. Returns whether each key
        still held these bytes and was replaced.
        """
        steps = []
        for entry, value in values.items():
            ends = not_after[entry] if not_after else None
            sealed = self.values.seal(ticket.epoch, entry, value, ends)
            steps.append(Script(scripts.REPLACE, entry.key, (placed, *sealed)))
        return {e: bool(done) for e, done in zip(values, self._run(steps), strict=True)}

    def fence(self, writer: bytes, fenced: Sequence[str]) -> float:
        """Add a writer to the fence of each key, then log the keys.

        Returns the monotonic time by which every process will have forgotten them. The fences come
        first: a process that read the log before them could read the old value again and remember
        it, and no later entry would make it forget. Raises RedisUnavailable.
        """
        if self.trust.breaker.is_open:
            raise RedisUnavailable("the breaker is open")
        lifetime = int(FENCE / MILLISECOND)
        steps = [Script(scripts.RAISE_FENCE, key, (writer, lifetime)) for key in fenced]
        with self._on_trusted_servers():
            self._run(steps, then=[addition(fenced)])
        for key in fenced:
            self.counters.count(Event.FENCE, keys.family(key))
        return time.monotonic() + self.local_trust_seconds

    def settle(self, writer: bytes, values: Mapping[str, tuple[Entry, Any] | None]) -> float:
        """Remove a writer from each fence; write the committed value if it was never shared.

        A key whose fence was lost may hold an old value, and processes may remember it: the value
        is deleted, and the key is logged again. Returns the monotonic time by which every process
        will have forgotten such keys, or 0 if there are none. Raises RedisUnavailable.
        """
        epoch = self.trust.epoch
        steps = []
        for key, value in values.items():
            placed = self.values.seal(epoch, *value) if value and epoch else (b"", 0)
            steps.append(Script(scripts.SETTLE, key, (writer, *placed)))
        with self._on_trusted_servers():
            answers = dict(zip(values, self._run(steps), strict=True))
        for key, answer in answers.items():
            if answer == scripts.SETTLED_BY_WRITING:
                self.counters.count(Event.WRITE, keys.family(key))
        lost = [key for key, answer in answers.items() if answer == scripts.FENCE_WAS_LOST]
        if not lost:
            return 0.0
        self._run((), then=[addition(lost)])
        return time.monotonic() + self.local_trust_seconds

    def invalidate(self, invalidated: Sequence[str]) -> None:
        """Remove keys from Redis and from the memory of every process before returning.

        A fence is kept, but its writers will not write a value. If Redis is not available, the
        keys are journaled, and are removed before Redis is trusted again.
        """
        if self.client is None or not invalidated:
            return
        try:
            self.enter()
            self._remove(invalidated)
        except RedisUnavailable:
            self.database.add_to_journal(invalidated)
            _wait(self.trust.trust_seconds)
        else:
            _wait(self.local_trust_seconds)

    def invalidate_pattern(self, pattern: str) -> int:
        """Remove the entries that match a glob, and return how many keys were found.

        If Redis is not available, a new epoch begins instead, in which no existing entry opens.
        """
        if self.client is None:
            return 0
        found = 0
        try:
            self.enter()
            for batch in self.matching(pattern):
                self._remove(batch)
                found += len(batch)
        except RedisUnavailable:
            self.database.raise_epoch(self.database.state().epoch)
            _wait(self.trust.trust_seconds)
        else:
            _wait(self.local_trust_seconds)
        return found

    def place(self, entry: Entry, value: Any, *, only_if_absent: bool) -> bool:
        """Store a value that is not a copy of a row, unless a writer has fenced the key."""
        ticket = self.enter()
        placed, milliseconds = self.values.seal(ticket.epoch, entry, value)
        if not placed:
            return False
        if not only_if_absent:
            return bool(self._run([Script(scripts.PUT, entry.key, (placed, milliseconds))])[0])
        with self.trust.watch():
            return self._client.set_if_absent(entry.key, placed, milliseconds)

    def matching(self, pattern: str) -> Iterator[list[str]]:
        """Yield the keys that match a glob, in batches."""
        with self.trust.watch():
            yield from self._client.scan(pattern)

    def raw_values(self, batch: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the keys that hold a value, with the sealed bytes as stored."""
        with self.trust.watch():
            held = self._client.read(batch)
        for key, raw in zip(batch, held, strict=True):
            if raw is not None and raw[:1] == scripts.VALUE:
                yield key, raw

    def confirm(self, ticket: Ticket) -> None:
        """Raise RedisUnavailable unless all responses since `ticket` came from its servers."""
        if not self.trust.confirms(ticket):
            raise RedisUnavailable("the response may have come from another server")

    @contextmanager
    def _on_trusted_servers(self) -> Iterator[None]:
        """Raise RedisUnavailable unless a writer's commands reach the servers that readers trust.

        After a failover, a process may still be connected to the previous primary, where no reader
        will find its fence. A process that has never trusted a server has nothing to compare with.
        """
        ticket = self.enter() if self.trust.epoch else None
        yield
        if ticket is not None:
            self.confirm(ticket)

    @property
    def _client(self) -> RedisClient:
        if self.client is None:
            raise NotTrusted("REDIS_URL is not set")
        return self.client

    def _open_all(
        self, ticket: Ticket, entries: Iterable[E], held: Sequence[bytes | None]
    ) -> dict[E, Look]:
        opened = zip(entries, held, strict=True)
        return {entry: self.values.open(ticket.epoch, entry, raw or b"") for entry, raw in opened}

    def _remove(self, removed: Sequence[str]) -> None:
        self._run([Script(scripts.INVALIDATE, key) for key in removed], then=[addition(removed)])

    def _run(self, steps: Sequence[Script], then: Sequence[Command] = ()) -> list[Any]:
        if not steps and not then:
            return []
        with self.trust.watch():
            answers = self._client.run(steps, then=then)[0]
        self.trust.note_written()
        return answers


def new_id() -> bytes:
    """Return a random id for a lease or a writer."""
    return os.urandom(scripts.ID_BYTES)


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)
