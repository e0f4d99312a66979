"""A circuit breaker: after a timeout or a few failures, no request waits for Redis.

A background thread probes Redis until it responds.
"""

import random
import threading
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger(__name__)

OPENS_AFTER: Final = 3
PROBE_SECONDS: Final = (0.2, 0.5)
FIRST_PROBE_SECONDS: Final = 0.05
"""Soon, because a single timeout may be a hiccup."""


class Breaker:
    """Closed: requests use Redis. Open: they do not, and one background thread probes it."""

    def __init__(self, probe: Callable[[], bool]) -> None:
        self._probe = probe
        self._lock = threading.Lock()
        self._failures = 0
        self._closed = threading.Event()
        self._closed.set()
        self._stopped = threading.Event()
        self._prober: threading.Thread | None = None

    @property
    def is_open(self) -> bool:
        return not self._closed.is_set()

    def wait_until_closed(self, seconds: float) -> bool:
        """Wait until the breaker is closed; return False if that takes too long."""
        return self._closed.wait(seconds)

    def failed(self, error: Exception, *, is_timeout: bool) -> None:
        """Count a failure; open after OPENS_AFTER failures in a row, or at once after a timeout.

        A request reads several times, and must not wait for Redis each time.
        """
        with self._lock:
            self._failures += OPENS_AFTER if is_timeout else 1
            if self.is_open or self._failures < OPENS_AFTER:
                return
            self._closed.clear()
            self._prober = threading.Thread(
                target=self._probe_until_available, name="redis-probe", daemon=True
            )
        log.warning("redis_unavailable", error=str(error))
        self._prober.start()

    def succeeded(self) -> None:
        self._failures = 0

    def stop(self) -> None:
        """Stop probing, and wait for a probe that is running."""
        self._stopped.set()
        if self._prober is not None and self._prober.is_alive():
            self._prober.join()

    def _probe_until_available(self) -> None:
        pause = FIRST_PROBE_SECONDS
        while not self._stopped.wait(pause):
            if self._probe():
                break
            pause = random.uniform(*PROBE_SECONDS)  # noqa: S311 - spreads probes, no secret
        else:
            return
        with self._lock:
            self._failures = 0
            self._closed.set()
        log.warning("redis_available")
