"""Waiting for other processes and threads, always with a deadline."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE_SECONDS: Final = 120.0
"""How long a test waits for another process or thread: longer than any takes on a busy machine."""

_PAUSE_SECONDS: Final = 0.02

Found = TypeVar("Found")


def wait_until(
    condition: Callable[[], Found],
    failure: str = "it does not happen",
    *,
    seconds: float = PATIENCE_SECONDS,
) -> Found:
    """Wait until a condition is truthy and return its value; fail after `seconds`."""
    give_up_at = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up_at, failure
        time.sleep(_PAUSE_SECONDS)
    return found
