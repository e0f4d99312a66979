"""The steps of the protocol as Python sees them: looking, leasing, filling, fencing, settling.

Every method is one round trip. docs/coherence.md states the protocol; `scripts` has the Lua.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from authapp import clock
from authapp.security.sealing import SealBroken
from authapp.token_cache import counters, keys, scripts
from authapp.token_cache.counters import Counters
from authapp.token_cache.entries import E, Entry
from authapp.token_cache.envelope import Envelope, OtherEpoch
from authapp.token_cache.gate import Gate, Ticket
from authapp.token_cache.wire import NotBelieved, RedisAway, Step, Wire

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=2)
FENCE: Final = timedelta(seconds=30)

MILLISECOND: Final = timedelta(milliseconds=1)


class Look(NamedTuple):
    """What a key was seen to hold."""

    raw: bytes = b""
    value: Any = None
    ends: datetime | None = None

    @property
    def is_hit(self) -> bool:
        return self.ends is not None

    @property
    def time_left(self) -> timedelta:
        """How long the value may still be used; nothing for what is no value."""
        return self.ends - clock.now() if self.ends else timedelta()

    @property
    def is_fence(self) -> bool:
        return self.raw[:1] == scripts.FENCE

    @property
    def is_lease(self) -> bool:
        return self.raw[:1] == scripts.LEASE

    @property
    def is_absent(self) -> bool:
        return not self.raw


class Protocol:
    """One process's side of the protocol."""

    def __init__(self, wire: Wire, gate: Gate, envelope: Envelope, tally: Counters) -> None:
        self.gate = gate
        self._wire = wire
        self.envelope = envelope
        self._tally = tally
        self._broken_seal_was_logged = False

    def enter(self) -> Ticket:
        """Return leave to believe Redis; raises RedisAway when there is none."""
        ticket = self.gate.enter()
        if ticket is None:
            raise NotBelieved(self.gate.doubt)
        return ticket

    def look(self, entries: Sequence[E]) -> tuple[Ticket, dict[E, Look]]:
        """Return what each key holds, seen while Redis may be believed.

        Raises RedisAway.
        """
        ticket = self.enter()
        with self.gate.watch():
            held = self._wire.read([entry.key for entry in entries])
        self._confirm(ticket)
        opened = (self._open(ticket, e, raw or b"") for e, raw in zip(entries, held, strict=True))
        return ticket, dict(zip(entries, opened, strict=True))

    def take_leases(self, ticket: Ticket, lease: bytes, looks: Mapping[E, Look]) -> dict[E, Look]:
        """Lease the keys that are absent or damaged; return what the others turn out to hold.

        A key that is ours now is seen as absent.
        """
        lifetime = int(LEASE / MILLISECOND)
        steps = [
            Step(scripts.TAKE_LEASE, entry.key, (lease, lifetime, look.raw))
            for entry, look in looks.items()
        ]
        answers = self._run(steps)
        self._confirm(ticket)
        return {e: self._open(ticket, e, raw) for e, raw in zip(looks, answers, strict=True)}

    def replace(
        self,
        ticket: Ticket,
        placed: bytes,
        values: Mapping[E, Any],
        not_after: Mapping[E, datetime] | None = None,
    ) -> dict[E, bool]:
        """Replace what we placed (or found, and nobody has changed) by a value; None deletes it.

        A value that must end earlier than its kind would has its time in `not_after`.
        """
        steps = []
        for entry, value in values.items():
            ends = not_after[entry] if not_after else None
            sealed = self.seal(ticket.epoch, entry, value, ends)
            steps.append(Step(scripts.REPLACE, entry.key, (placed, *sealed)))
        return {e: bool(done) for e, done in zip(values, self._run(steps), strict=True)}

    def fence(self, writer: bytes, fenced: Sequence[str]) -> None:
        """Add a writer to the fence of each key, over whatever else it held.

        Needs no leave to believe Redis: a fence makes nobody believe anything.
        """
        if self.gate.breaker.is_open:
            raise RedisAway("the breaker is open")
        lifetime = int(FENCE / MILLISECOND)
        self._run([Step(scripts.RAISE_FENCE, key, (writer, lifetime)) for key in fenced])
        for key in fenced:
            self._tally.count(counters.FENCE, keys.family(key))

    def settle(self, writer: bytes, values: Mapping[str, tuple[Entry, Any] | None]) -> None:
        """Take a writer out of each fence; if it was alone, its committed value is written."""
        epoch = self.gate.epoch
        steps = []
        for key, value in values.items():
            placed = self.seal(epoch, *value) if value and epoch else (b"", 0)
            steps.append(Step(scripts.SETTLE, key, (writer, *placed)))
        for key, written in zip(values, self._run(steps), strict=True):
            if written:
                self._tally.count(counters.WRITE, keys.family(key))

    def invalidate(self, invalidated: Sequence[str]) -> None:
        """Remove what the keys hold; a fence stands, and its writers will not write."""
        self._run([Step(scripts.INVALIDATE, key) for key in invalidated])

    def place(self, entry: Entry, value: Any, *, only_if_absent: bool) -> bool:
        """Place a value that no row stands behind; a fence stays, and so may what is there."""
        ticket = self.enter()
        placed, milliseconds = self.seal(ticket.epoch, entry, value)
        if not placed:
            return False
        if not only_if_absent:
            return bool(self._run([Step(scripts.PUT, entry.key, (placed, milliseconds))])[0])
        with self.gate.watch():
            return self._wire.place_if_absent(entry.key, placed, milliseconds)

    def matching(self, pattern: str) -> Iterator[list[str]]:
        """Walk the keys that match a glob, in batches."""
        with self.gate.watch():
            yield from self._wire.scan(pattern)

    def raw_values(self, batch: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the keys that hold a value, with the value as it lies there: sealed."""
        with self.gate.watch():
            held = self._wire.read(batch)
        for key, raw in zip(batch, held, strict=True):
            if raw is not None and raw[:1] == scripts.VALUE:
                yield key, raw

    def seal(
        self, epoch: int, entry: Entry, value: Any, not_after: datetime | None = None
    ) -> tuple[bytes, int]:
        """Return the bytes to place and their TTL in milliseconds; empty where none may be kept."""
        left = entry.time_left(value) if value is not None else timedelta()
        if not_after is not None:
            left = min(left, not_after - clock.now())
        # Redis refuses a TTL of 0, and what has no time left must not be kept.
        if left < MILLISECOND:
            return b"", 0
        sealed = self.envelope.seal(entry.key, epoch, value, clock.now() + left)
        return scripts.VALUE + sealed, int(left / MILLISECOND)

    def _confirm(self, ticket: Ticket) -> None:
        if not self.gate.confirms(ticket):
            raise RedisAway("the answer may have come from another server")

    def _run(self, steps: Sequence[Step]) -> list[Any]:
        if not steps:
            return []
        with self.gate.watch():
            return self._wire.run(steps)

    def _open(self, ticket: Ticket, entry: Entry, raw: bytes) -> Look:
        """Open a value; one that will not open is a miss, counted, and logged once.

        One of another epoch is but a miss.
        """
        if not raw or raw[:1] in (scripts.LEASE, scripts.FENCE):
            return Look(raw)
        try:
            value, ends = self.envelope.open(entry.key, ticket.epoch, raw[1:], entry.type)
        except OtherEpoch:
            return Look(raw)
        except SealBroken as broken:
            self._tally.count(counters.BROKEN_SEAL, keys.family(entry.key))
            if not self._broken_seal_was_logged:
                self._broken_seal_was_logged = True
                log.warning("a cached value does not open and is ignored: %s", broken)
            return Look(raw)
        return Look(raw, value, ends)


def new_id() -> bytes:
    """Return a random id for a lease or a writer."""
    return os.urandom(scripts.ID_BYTES)
