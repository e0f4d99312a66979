"""Slots that all processes of a server share: locked files, which a process that dies unlocks."""

import fcntl
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

WAIT_SECONDS: Final = 10.0
"""A process that is stopped while it holds a slot keeps it."""

_PAUSE_SECONDS: Final = 0.004
"""A tenth of the time of hashing a password."""


class NoSharedSlot(Exception):
    """No process has returned a slot in time."""


@contextmanager
def shared_slot(folder: Path, slots: int) -> Iterator[None]:
    """Wait for one of this many slots, and hold it; raises NoSharedSlot.

    Raises OSError if the files cannot be used.
    """
    file = _wait_for_lock(folder, slots)
    try:
        yield
    finally:
        os.close(file)


def _wait_for_lock(folder: Path, slots: int) -> int:
    """Return a locked file, open."""
    pause = threading.Event()
    for _ in range(int(WAIT_SECONDS / _PAUSE_SECONDS)):
        # In random order, so that processes seldom try the same one.
        for number in random.sample(range(slots), slots):
            file = _locked(folder / f"slot-{number}")
            if file is not None:
                return file
        pause.wait(_PAUSE_SECONDS)
    raise NoSharedSlot


def _locked(path: Path) -> int | None:
    """Return a file, open and locked; None if another process has locked it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return file
