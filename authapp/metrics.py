"""Metrics that are counted where something happens; `api.metrics` adds those that it looks up.

If PROMETHEUS_MULTIPROC_DIR is set, as deploy/serve.py does, each process of a server reports the
totals of all of them.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from authapp.errors import DomainError, SecondFactorRequired

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the folder."""

_registry: Final = CollectorRegistry()

REQUEST_BOUNDS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_REPORT_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.3, 0.5, 1.0, 2.5)


class BulkHistogram(Histogram):
    """A histogram to which many observations can be added at once."""

    def add(self, numbers: Sequence[int], total: float) -> None:
        """Add the number of observations in each bucket, the unbounded one last, and their sum."""
        self._sum.inc(total)
        for bucket, number in zip(self._buckets, numbers, strict=True):
            if number:
                bucket.inc(number)


REQUESTS: Final = Counter(
    "authapp_requests",
    "Requests by method, route and status.",
    ["method", "route", "status"],
    registry=_registry,
)
REQUEST_SECONDS: Final = BulkHistogram(
    "authapp_request_seconds",
    "Time from the start of a request's handling to the start of its response.",
    ["route"],
    buckets=REQUEST_BOUNDS,
    registry=_registry,
)
SIGN_INS: Final = Counter(
    "authapp_sign_ins",
    "Sign-ins by outcome, and by the reason if they did not succeed.",
    ["outcome", "reason"],
    registry=_registry,
)
LIMITS_REACHED: Final = Counter(
    "authapp_limits_reached",
    "Attempts that a rate limit refused.",
    ["limit"],
    registry=_registry,
)
REVOCATION_SECONDS: Final = Histogram(
    "authapp_revocation_seconds",
    "Time from the commit of a change to a token until no process can answer without it.",
    buckets=_REPORT_BOUNDS,
    registry=_registry,
)
CONNECTIONS_IN_USE: Final = Gauge(
    "authapp_database_connections_in_use",
    "Database connections that requests are using.",
    multiprocess_mode="livesum",
    registry=_registry,
)
CONNECTIONS_ALLOWED: Final = Gauge(
    "authapp_database_connections_allowed",
    "Database connections that requests may use at the same time.",
    multiprocess_mode="livesum",
    registry=_registry,
)
HASHING: Final = Gauge(
    "authapp_passwords_hashing",
    "Passwords that are being hashed.",
    multiprocess_mode="livesum",
    registry=_registry,
)
WAITING_TO_HASH: Final = Gauge(
    "authapp_passwords_waiting",
    "Passwords that are waiting to be hashed.",
    multiprocess_mode="livesum",
    registry=_registry,
)


@contextmanager
def outcomes(counter: Counter) -> Iterator[None]:
    """Count how the block ends.

    It `succeeded`, was `continued` with a second factor, `refused` by a domain error, or `failed`.
    """
    try:
        yield
    except SecondFactorRequired:
        counter.labels("continued", "").inc()
        raise
    except DomainError as error:
        counter.labels("refused", _in_snake_case(type(error).__name__)).inc()
        raise
    except Exception:
        counter.labels("failed", "error").inc()
        raise
    counter.labels("succeeded", "").inc()


def counted() -> Iterable[Metric]:
    """Return every metric of this module, over all processes that share the folder."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return _registry.collect()
    _forget_ended(Path(folder))
    return MultiProcessCollector(None, folder).collect()  # type: ignore[no-untyped-call,no-any-return]


def _forget_ended(folder: Path) -> None:
    """Remove the gauges of processes that were killed; their counts remain."""
    for file in folder.glob("gauge_live*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):
                mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
        except PermissionError:
            # Another user's process has reused the number.
            continue


def _in_snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
