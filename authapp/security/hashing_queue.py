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
        self.running = 0
        self.waiting = 0
        self._changed = threading.Condition()

    def require_room(self, slots: int) -> None:
        """Raise QueueFull if `slot` would."""
        with self._changed:
            self._require_room(slots)

    @contextmanager
    def slot(self, slots: int) -> Iterator[None]:
        """Wait for one of this many slots, and hold it; raises QueueFull."""
        with self._changed:
            self._require_room(slots)
            self.waiting += 1
            try:
                self._changed.wait_for(lambda: self.running < slots)
            finally:
                self.waiting -= 1
            self.running += 1
        try:
            yield
        finally:
            with self._changed:
                self.running -= 1
                self._changed.notify()

    def _require_room(self, slots: int) -> None:
        if self.running + self.waiting >= slots * (1 + WAITING_PER_SLOT):
            raise QueueFull
