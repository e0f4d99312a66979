"""Limits how many passwords a process hashes at once, so that sign-ins starve nothing else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

WAITING_PER_SLOT: Final = 3
"""Callers that may wait for each slot; a server needs its other threads for other requests."""


class QueueFull(Exception):
    """The maximum number of callers is already waiting."""


class HashingQueue:
    """Slots for hashing, and a short queue for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._waiting = 0

    def require_room(self, slots: int) -> None:
        """Raise QueueFull if `slot` would."""
        with self._changed:
            self._require_room(slots)

    @contextmanager
    def slot(self, slots: int) -> Iterator[None]:
        """Wait for one of this many slots, and hold it; raises QueueFull."""
        with self._changed:
            self._require_room(slots)
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self._running < slots)
            finally:
                self._waiting -= 1
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify()

    def _require_room(self, slots: int) -> None:
        if self._running + self._waiting >= slots * (1 + WAITING_PER_SLOT):
            raise QueueFull
