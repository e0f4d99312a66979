"""Limits how many threads of a process use the database, so that a hanging one cannot block all."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import QueuePool
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

STALL_SECONDS: Final = 1.0
"""If no thread returns its slot for this long, the database hangs, and no other thread waits."""

_HOLDER: Final = "slot_holder"


class DatabaseSlots:
    """The slots of one application; a thread holds one for all the connections that it uses.

    Threads wait for a slot while others are returned, which takes milliseconds. While the database
    hangs, the threads that hold a slot wait for it, and all others are refused at once.
    """

    def __init__(self, most: int, wait: timedelta) -> None:
        self._most = most
        self._wait_seconds = wait.total_seconds()
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._held: Counter[int] = Counter()
        self._moved_at = 0.0
        self._hangs = False

    def take(self) -> int:
        """Take a slot for the current thread, and return the thread's identifier.

        Raises SQLAlchemy's TimeoutError if all slots are taken and none is returned in time.
        """
        thread = threading.get_ident()
        with self._changed:
            if thread not in self._held:
                self._wait_for_slot()
                self._moved_at = time.monotonic()
            self._held[thread] += 1
        return thread

    def give_back(self, thread: int, *, is_answering: bool) -> None:
        """Return a slot; `is_answering` is False if its connection broke."""
        with self._changed:
            self._held[thread] -= 1
            if not self._held[thread]:
                del self._held[thread]
                self._changed.notify()
            self._hangs = not is_answering
            if is_answering:
                self._moved_at = time.monotonic()

    def _wait_for_slot(self) -> None:
        give_up_at = time.monotonic() + self._wait_seconds
        while len(self._held) >= self._most:
            stalls_at = self._moved_at + STALL_SECONDS
            now = time.monotonic()
            self._hangs = self._hangs or now >= stalls_at
            if self._hangs or now >= give_up_at:
                raise PoolTimeout(f"{self._most} threads already wait for the database")
            self._changed.wait(min(give_up_at, stalls_at) - now)


class SlottedPool(QueuePool):
    """A pool whose connections are used only by threads that hold a slot."""

    def __init__(
        self, creator: Callable[..., Any], slots: DatabaseSlots | None = None, **options: Any
    ) -> None:
        super().__init__(creator, **options)
        self._slots = slots

    def connect(self) -> PoolProxiedConnection:
        """Return a connection; raises SQLAlchemy's TimeoutError if none is available in time."""
        if self._slots is None:
            return super().connect()
        holder = self._slots.take()
        try:
            connection = super().connect()
        except BaseException:
            self._slots.give_back(holder, is_answering=False)
            raise
        _info(connection)[_HOLDER] = holder
        return connection

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        holder = _info(record).pop(_HOLDER, None)
        super()._do_return_conn(record)
        if holder is not None and self._slots is not None:
            self._slots.give_back(holder, is_answering=record.dbapi_connection is not None)

    def recreate(self) -> QueuePool:
        """Return an empty pool with the same slots."""
        pool = super().recreate()
        pool._slots = self._slots  # type: ignore[attr-defined]
        return pool


def _info(connection: ConnectionPoolEntry | PoolProxiedConnection) -> dict[str, Any]:
    """Return what is noted with a pooled connection, even if it breaks and is replaced."""
    info: dict[str, Any] = connection.record_info  # type: ignore[assignment]
    return info
