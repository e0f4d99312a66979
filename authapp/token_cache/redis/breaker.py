"""A circuit breaker: after a few failures, no request waits for Redis until a probe succeeds."""

import random
import threading
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger(__name__)

OPENS_AFTER: Final = 3
PROBE_SECONDS: Final = (0.2, 0.5)


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

    def failed(self, error: Exception) -> None:
        """Count a failure; after OPENS_AFTER failures in a row, open and start probing."""
        with self._lock:
            self._failures += 1
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
        while not self._probe():
            pause = random.uniform(*PROBE_SECONDS)  # noqa: S311 - spreads probes, no secret
            if self._stopped.wait(pause):
                return
        with self._lock:
            self._failures = 0
            self._closed.set()
        log.warning("redis_available")
