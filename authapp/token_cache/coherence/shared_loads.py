"""Loads from the database that several requests share, for when Redis cannot answer them."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from authapp.token_cache.entries import CachedEntry

PATIENCE_SECONDS: Final = 0.05
"""How long a request waits for others; if the database is slower, it no longer pays to share."""

Load = Callable[[Sequence[CachedEntry]], dict[CachedEntry, Any]]


class _Batch:
    """The entries of one load, which requests may join until it begins."""

    def __init__(self) -> None:
        self.entries: dict[CachedEntry, None] = {}
        self.loaded: dict[CachedEntry, Any] | None = None
        self.is_done = threading.Event()


class SharedLoads:
    """Loads entries for all requests that wait for the same running load to end.

    A request never joins a load that has begun: a read must not return anything older than what
    was committed when it began.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._running = threading.Lock()
        self._next: _Batch | None = None

    def load(self, entries: Sequence[CachedEntry]) -> dict[CachedEntry, Any]:
        """Return each entry's value, from a load that begins after this call; raises Unavailable.

        If other requests take too long, this one loads its entries alone.
        """
        batch, is_first = self._join(entries)
        if is_first:
            self._run(batch)
        else:
            batch.is_done.wait(PATIENCE_SECONDS)
        if batch.loaded is None:
            return self._load(entries)
        return {entry: batch.loaded[entry] for entry in entries}

    def _join(self, entries: Sequence[CachedEntry]) -> tuple[_Batch, bool]:
        with self._lock:
            batch, is_first = self._next or _Batch(), self._next is None
            batch.entries.update(dict.fromkeys(entries))
            self._next = batch
        return batch, is_first

    def _run(self, batch: _Batch) -> None:
        """Load a batch once the running load has ended, so that more requests can join it."""
        is_our_turn = self._running.acquire(timeout=PATIENCE_SECONDS)
        with self._lock:
            self._next = None
        try:
            batch.loaded = self._load(list(batch.entries))
        finally:
            batch.is_done.set()
            if is_our_turn:
                self._running.release()
