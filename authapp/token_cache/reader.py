"""The reader's half of the protocol: cache first, and fill only under one's own lease."""

import logging
import math
import random
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from authapp.errors import Unavailable
from authapp.token_cache import counters
from authapp.token_cache.counters import Counters
from authapp.token_cache.database import CacheDatabase
from authapp.token_cache.entries import CachedEntry, RowEntry, load
from authapp.token_cache.gate import Ticket
from authapp.token_cache.protocol import Look, Protocol, new_id
from authapp.token_cache.scripts import LEASE
from authapp.token_cache.unknown import UnknownKeys
from authapp.token_cache.wire import RedisAway

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 0.06
PAUSE_SECONDS: Final = 0.005


class Reader:
    """Reads entries as fast as trusting Redis would, and never one that a commit made stale."""

    def __init__(self, protocol: Protocol | None, database: CacheDatabase, tally: Counters) -> None:
        self.unknown = UnknownKeys()
        self._protocol = protocol
        self._database = database
        self._tally = tally
        self._load_seconds = 0.001

    def read(self, entries: Sequence[CachedEntry]) -> dict[CachedEntry, Any]:
        """Return each entry's committed value, in one round trip when all are cached.

        None stands for a row that does not exist. Raises Unavailable when neither Redis nor the
        database can answer.
        """
        values: dict[CachedEntry, Any] = {}
        asked = []
        for entry in entries:
            if entry.key in self.unknown:
                values[entry] = None
            else:
                asked.append(entry)
        if asked and self._protocol is not None:
            values.update(self._read_cached(self._protocol, asked))
        rest = [entry for entry in asked if entry not in values]
        values.update(self._load(rest) if rest else {})
        return values

    def _read_cached(
        self, protocol: Protocol, entries: Sequence[CachedEntry]
    ) -> dict[CachedEntry, Any]:
        """Return what Redis has or can be given; what is missing is the database's to answer."""
        values: dict[CachedEntry, Any] = {}
        try:
            ticket, looks = protocol.look(entries)
            for entry, look in looks.items():
                self._tally.count(counters.HIT if look.is_hit else counters.MISS, entry.kind.name)
                if look.is_hit:
                    values[entry] = self._refreshed_ahead(protocol, ticket, entry, look)
            misses = {entry: look for entry, look in looks.items() if not look.is_hit}
            self._fill(protocol, ticket, misses, values)
        except RedisAway as away:
            log.debug("the database answers in place of Redis: %s", away)
        return values

    def _fill(
        self,
        protocol: Protocol,
        ticket: Ticket,
        misses: Mapping[CachedEntry, Look],
        values: dict[CachedEntry, Any],
    ) -> None:
        """Take leases, load under them, and replace those that are still ours.

        Whoever meets a fence asks the database and does not fill; whoever meets another's lease
        waits a moment for its value first.
        """
        lease = new_id()
        free = {entry: look for entry, look in misses.items() if not look.is_fence}
        looks = protocol.take_leases(ticket, lease, free)
        mine = [entry for entry, look in looks.items() if look.is_absent]
        values.update({entry: look.value for entry, look in looks.items() if look.is_hit})
        if mine:
            self._fill_leased(protocol, ticket, LEASE + lease, mine, values)
        self._wait_for_others(protocol, [e for e, look in looks.items() if look.is_lease], values)

    def _fill_leased(
        self,
        protocol: Protocol,
        ticket: Ticket,
        placed: bytes,
        mine: Sequence[CachedEntry],
        values: dict[CachedEntry, Any],
    ) -> None:
        try:
            loaded = self._load(mine)
        except Unavailable:
            protocol.replace(ticket, placed, dict.fromkeys(mine))
            raise
        # Before anything is said to Redis: what was loaded answers in any case.
        values.update(loaded)
        for entry, filled in protocol.replace(ticket, placed, loaded).items():
            if filled and loaded[entry] is not None:
                self._tally.count(counters.FILL, entry.kind.name)

    def _wait_for_others(
        self, protocol: Protocol, leased: Sequence[CachedEntry], values: dict[CachedEntry, Any]
    ) -> None:
        """Look again while somebody else fills, so that many cold readers cost one load."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        pause = threading.Event()
        while leased and time.monotonic() < give_up_at:
            pause.wait(PAUSE_SECONDS)
            _, looks = protocol.look(leased)
            values.update({entry: look.value for entry, look in looks.items() if look.is_hit})
            leased = [entry for entry, look in looks.items() if look.is_lease]

    def _load(self, entries: Sequence[CachedEntry]) -> dict[CachedEntry, Any]:
        """Ask the database; what it does not have is remembered for a moment."""
        began = time.monotonic()
        loaded = load(self._database, entries)
        self._load_seconds += (time.monotonic() - began - self._load_seconds) / 16
        for entry, value in loaded.items():
            self._tally.count(counters.DATABASE, entry.kind.name)
            if value is None:
                self.unknown.remember(entry.key)
                self._tally.count(counters.UNKNOWN, entry.kind.name)
        return loaded

    def _refreshed_ahead(
        self, protocol: Protocol, ticket: Ticket, entry: CachedEntry, look: Look
    ) -> Any:
        """Refresh a value that is in use and about to end, before anybody has to wait for it.

        What was found stands in for a lease: any change since would have replaced it. And it still
        answers where it cannot be refreshed.
        Source: Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede
        Prevention" (XFetch).
        """
        ahead = -self._load_seconds * math.log(1.0 - random.random())  # noqa: S311 - no secret
        if look.time_left > timedelta(seconds=ahead) or _ends_with_its_row(entry, look):
            return look.value
        try:
            loaded = self._load([entry])
            protocol.replace(ticket, look.raw, loaded)
        except (Unavailable, RedisAway) as error:
            log.debug("a value was not refreshed ahead: %s", type(error).__name__)
            return look.value
        self._tally.count(counters.REFRESH, entry.kind.name)
        return loaded[entry]


def _ends_with_its_row(entry: CachedEntry, look: Look) -> bool:
    """Tell whether a fresh value would not end any later."""
    if not isinstance(entry, RowEntry) or look.ends is None:
        return False
    expires_at: datetime | None = look.value.expires_at
    return expires_at is not None and expires_at <= look.ends
