"""Whether this process can serve requests, and if not, what is missing."""

import math
import shutil
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from authapp import clock
from authapp.domain import signing_keys
from authapp.errors import Misconfigured, Unavailable
from authapp.models import CacheState, db
from authapp.models.base import OUTAGES, table_of
from authapp.token_cache import token_cache

OK: Final = "ok"
UNAVAILABLE: Final = "unavailable"
READ_ONLY: Final = "read-only"
FULL: Final = "full"
OLDER: Final = "older than Redis"
NOT_CONFIGURED: Final = "not configured"
UNREACHABLE: Final = "unreachable"
REFUSES_WRITES: Final = "refuses writes"
UNKNOWN: Final = "unknown"
UNUSABLE: Final = "cannot be decrypted"
MISSING: Final = "missing"

CHECK_AFTER: Final = timedelta(seconds=5)
"""How long a result is returned again, because a check writes to the database."""

# The codes of PostgreSQL and the names of SQLite.
_REASONS: Final = {
    "25006": READ_ONLY,
    "SQLITE_READONLY": READ_ONLY,
    "53100": FULL,
    "SQLITE_FULL": FULL,
}
_ROOM_BYTES: Final = 4 * 1024 * 1024
"""How large SQLite's write-ahead log usually gets."""

_state = table_of(CacheState)


@dataclass(frozen=True)
class Readiness:
    """The state of what a process needs. Without Redis, requests are only slower."""

    database: str
    redis: str
    signing_keys: str

    @property
    def is_ready(self) -> bool:
        return self.database == OK and self.signing_keys in (OK, UNKNOWN)


class ReadinessCheck:
    """Checks at most every CHECK_AFTER, one thread at a time, and remembers the result."""

    def __init__(self) -> None:
        self._checking = threading.Lock()
        self._began = self._ended = clock.now() - CHECK_AFTER
        self._last = Readiness(UNAVAILABLE, UNKNOWN, UNKNOWN)

    def result(self) -> Readiness:
        """Return the current state, or the last one while another thread checks again."""
        now = clock.now()
        if now >= self._ended + CHECK_AFTER:
            if self._checking.acquire(blocking=False):
                return self._check(now)
            if now >= self._began + CHECK_AFTER:
                return replace(self._last, database=UNAVAILABLE)
        return self._last

    def _check(self, now: datetime) -> Readiness:
        """Check, and release the lock."""
        try:
            self._began = now
            self._last = check()
            self._ended = clock.now()
            return self._last
        finally:
            self._checking.release()


def check() -> Readiness:
    """Return the state of the database, Redis and the signing keys."""
    database = _database()
    keys = _signing_keys() if database == OK else UNKNOWN
    return Readiness(database, _redis(), keys)


def _database() -> str:
    """Return whether the database accepts a change."""
    # SQLite can repeat a change without taking more space.
    if _free_bytes() < _ROOM_BYTES:
        return FULL
    try:
        with db.engine.begin() as connection:
            connection.execute(update(_state).values(epoch=_state.c.epoch))
        return OLDER if token_cache.database_went_back() else OK
    except SQLAlchemyError as error:
        return _REASONS.get(_code(error), UNAVAILABLE)


def _free_bytes() -> float:
    """Return the free space for an SQLite file; PostgreSQL watches its own disk."""
    if db.engine.dialect.name != "sqlite" or not db.engine.url.database:
        return math.inf
    try:
        return shutil.disk_usage(Path(db.engine.url.database).parent).free
    except OSError:
        return math.inf


def _code(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else None
    found = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return str(found)


def _redis() -> str:
    """Return whether Redis accepts a change; it may be full, or a replica."""
    if token_cache.assembly.backend.client is None:
        return NOT_CONFIGURED
    found = token_cache.redis_statistics()
    if not found.connected:
        return UNREACHABLE
    return OK if found.writable else REFUSES_WRITES


def _signing_keys() -> str:
    """Return whether this process can sign with the active key and with the next one."""
    try:
        if not signing_keys.exist():
            return MISSING
        signing_keys.require_usable()
    except Misconfigured:
        return UNUSABLE
    except (Unavailable, *OUTAGES):
        return UNKNOWN
    return OK
