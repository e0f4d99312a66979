"""What Redis holds under a key: sealing values for it, and opening what was read."""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog

from authapp import clock
from authapp.security.sealing import SealBroken
from authapp.token_cache import keys
from authapp.token_cache.coherence.tombstones import Tombstones
from authapp.token_cache.counters import Counters, Event
from authapp.token_cache.entries import Entry, RowEntry
from authapp.token_cache.records import is_active
from authapp.token_cache.redis import scripts
from authapp.token_cache.redis.envelope import Envelope, OtherEpoch

log = structlog.get_logger(__name__)

MILLISECOND: Final = timedelta(milliseconds=1)


class Look(NamedTuple):
    """What a key held when it was read."""

    raw: bytes = b""
    value: Any = None
    ends: datetime | None = None

    @property
    def is_hit(self) -> bool:
        return self.ends is not None

    @property
    def time_left(self) -> timedelta:
        """How long the value may still be used; zero if there is no value."""
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


class Values:
    """Values as Redis holds them, sealed in an epoch and until a time."""

    def __init__(self, envelope: Envelope, tombstones: Tombstones, counters: Counters) -> None:
        self._envelope = envelope
        self._tombstones = tombstones
        self._counters = counters
        self._broken_seal_was_logged = False

    def seal(
        self, epoch: int, entry: Entry, value: Any, not_after: datetime | None = None
    ) -> tuple[bytes, int]:
        """Return the bytes to place and their TTL in milliseconds; empty if no time is left."""
        left = entry.time_left(value) if value is not None else timedelta()
        if not_after is not None:
            left = min(left, not_after - clock.now())
        # Redis rejects a TTL of 0.
        if left < MILLISECOND:
            return b"", 0
        sealed = self._envelope.seal(entry.key, epoch, value, clock.now() + left)
        return scripts.VALUE + sealed, int(left / MILLISECOND)

    def open(self, epoch: int, entry: Entry, raw: bytes) -> Look:
        """Open a value; one that does not open is a miss, which is counted, and logged once.

        A value from another epoch is a miss, but is neither counted nor logged.
        """
        if not raw or raw[:1] in (scripts.LEASE, scripts.FENCE):
            return Look(raw)
        try:
            value, ends = self._envelope.open(entry.key, epoch, raw[1:], entry.type)
        except OtherEpoch:
            return Look(raw)
        except SealBroken as broken:
            self._counters.count(Event.BROKEN_SEAL, keys.family(entry.key))
            if not self._broken_seal_was_logged:
                self._broken_seal_was_logged = True
                log.warning("broken_seal", reason=str(broken))
            return Look(raw)
        has_ended = entry.key in self._tombstones and isinstance(entry, RowEntry)
        if has_ended and is_active(value):
            # Someone put back a copy from before the row ended.
            self._counters.count(Event.ENDED_COPY, keys.family(entry.key))
            return Look(raw)
        return Look(raw, value, ends)
