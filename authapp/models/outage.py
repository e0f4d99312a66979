"""Logging that the database is away: one line when that begins, and one when it is over."""

import threading
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Engine, event

from authapp import clock

log = structlog.get_logger(__name__)

_QUIET: Final = timedelta(seconds=5)
"""How long nothing must fail before an outage is over; otherwise each retry would be one."""


class Outage:
    """Whether the database of this process is away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began: datetime | None = None
        self._failed_at = clock.now()

    def note(self, error: BaseException) -> None:
        """Log the first failure of an outage."""
        now = clock.now()
        with self._lock:
            self._failed_at = now
            is_first, self._began = self._began is None, self._began or now
        if is_first:
            log.error("database_unavailable", error=type(error).__name__)

    def watch(self, engine: Engine) -> None:
        """Log that an outage is over when a connection survives its use.

        A new engine is not away yet. This is an event of the pool: one of the engine would make
        SQLAlchemy prepare events for each statement.
        """
        self._began = None
        event.listen(engine, "checkin", self._returned)

    def _returned(self, connection: Any, _record: Any) -> None:
        # A connection that broke is returned as None.
        if self._began is None or connection is None:
            return
        now = clock.now()
        with self._lock:
            began = self._began
            if began is None or now < self._failed_at + _QUIET:
                return
            self._began = None
        log.warning("database_available", outage_seconds=round((now - began).total_seconds()))


database_outage: Final = Outage()
