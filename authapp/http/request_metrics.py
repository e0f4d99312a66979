"""Counting requests at almost no cost: a request only adds an item to a queue.

A thread adds up the queue once a second, and samples what has a current value.
"""

import os
import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from typing import Final
from weakref import WeakSet

import structlog
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool
from werkzeug.routing import Rule

from authapp import metrics
from authapp.domain import passwords

log = structlog.get_logger(__name__)

INTERVAL_SECONDS: Final = 1.0
_MOST_WAITING: Final = 100_000
"""Requests that are kept while the thread cannot add them up."""

_NO_ROUTE: Final = "(none)"

Finished = tuple[str, Rule | None, str, float]
"""The method of a request, its route, the status of its response, and how many seconds it took."""


class RequestMetrics:
    """Adds up the requests of one process."""

    def __init__(self) -> None:
        self.is_running = False
        self.finished: deque[Finished] = deque(maxlen=_MOST_WAITING)
        self._engines: WeakSet[Engine] = WeakSet()
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._reset_after_fork)

    def watch(self, engine: Engine) -> None:
        """Report how many connections of an engine are in use."""
        with self._lock:
            self._engines.add(engine)

    def start(self) -> None:
        """Start the thread, unless it is running."""
        with self._lock:
            if not self.is_running:
                self.is_running = True
                threading.Thread(target=self._run, name="metrics", daemon=True).start()

    def publish(self) -> None:
        """Add the finished requests to the metrics, and sample the gauges."""
        with self._lock:
            self._add_finished()
            self._sample_pools()
        running, waiting = passwords.queue_lengths()
        metrics.HASHING.set(running)
        metrics.WAITING_TO_HASH.set(waiting)

    def _run(self) -> None:
        was_published = True
        while True:
            time.sleep(INTERVAL_SECONDS)
            try:
                self.publish()
            except OSError as error:
                if was_published:
                    log.error("metrics_not_published", error=str(error))  # noqa: TRY400
                was_published = False
            else:
                was_published = True

    def _add_finished(self) -> None:
        requests: Counter[tuple[str, str, str]] = Counter()
        seconds: dict[str, list[float]] = {}
        for _ in range(len(self.finished)):
            method, rule, status, took = self.finished.popleft()
            route = rule.rule if rule else _NO_ROUTE
            requests[method if rule else _NO_ROUTE, route, status[:3]] += 1
            seconds.setdefault(route, []).append(took)
        for labels, number in requests.items():
            metrics.REQUESTS.labels(*labels).inc(number)
        for route, each in seconds.items():
            metrics.REQUEST_SECONDS.labels(route).add(_by_bucket(each), sum(each))

    def _sample_pools(self) -> None:
        pools = [each.pool for each in self._engines if isinstance(each.pool, QueuePool)]
        metrics.CONNECTIONS_IN_USE.set(sum(pool.checkedout() for pool in pools))
        metrics.CONNECTIONS_ALLOWED.set(sum(pool.size() for pool in pools))

    def _reset_after_fork(self) -> None:
        """Forget the parent's thread and its requests, which the parent counts."""
        self._lock = threading.Lock()
        self.finished.clear()
        self.is_running = False


def _by_bucket(seconds: list[float]) -> list[int]:
    numbers = [0] * (len(metrics.REQUEST_BOUNDS) + 1)
    for each in seconds:
        numbers[bisect_left(metrics.REQUEST_BOUNDS, each)] += 1
    return numbers


request_metrics: Final = RequestMetrics()
