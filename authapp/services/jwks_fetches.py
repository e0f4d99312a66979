"""Which programs have fetched the published keys; a rotation waits until they have the next one.

Anyone may fetch the keys under any name, so the recorded programs are limited, per process and
minute and in total. A program that fetched only once makes room for a new one.
"""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from weakref import WeakKeyDictionary

import structlog
from cachetools import TTLCache
from sqlalchemy import CursorResult, Engine, delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from authapp import clock
from authapp.models import JWKSFetch, db
from authapp.models.base import OUTAGES, insert_into, table_of
from authapp.models.outage import database_outage
from authapp.models.transaction import transaction
from authapp.token_cache.records import JWTKeyRecord

log = structlog.get_logger(__name__)

COALESCED: Final = timedelta(minutes=1)
"""Minimum time between two records of one program, unless it was given a newer key."""

MOST_NOTED: Final = 200
"""Programs that one process records in that time; it records others on a later fetch."""

MOST_KEPT: Final = 1000
KEPT: Final = timedelta(days=30)
STILL_USED: Final = timedelta(days=1)
"""A rotation waits only for programs that fetched the keys within this time."""

_CONSUMER_CHARACTERS: Final = 200

_lock = threading.Lock()
# For each database, the newest key that each program was last recorded with.
_noted: WeakKeyDictionary[Engine, TTLCache[tuple[str, str], str]] = WeakKeyDictionary()


def note(consumer: str, address: str, newest_kid: str) -> None:
    """Record that a program was given the keys up to `newest_kid`, if the database can."""
    name = consumer[:_CONSUMER_CHARACTERS] or "(no name)"
    if not _is_news(name, address, newest_kid):
        return
    try:
        with transaction():
            _write(name, address, newest_kid, clock.now())
    except OUTAGES as error:
        database_outage.note(error)
    except SQLAlchemyError as error:
        log.warning("jwks_fetch_not_recorded", reason=type(error).__name__)


def consumers() -> list[JWKSFetch]:
    """Return the programs that fetch the keys, the most recent first."""
    return list(db.session.scalars(select(JWKSFetch).order_by(JWKSFetch.last_at.desc())))


def newest(published: Sequence[JWTKeyRecord]) -> str:
    """Return the kid of the most recently published key, or an empty string."""
    return max(published, key=lambda key: key.created_at).kid if published else ""


def unaware_of(kid: str) -> list[JWKSFetch]:
    """Return the programs still in use whose newest key is not this one."""
    since = clock.now() - STILL_USED
    return [each for each in consumers() if each.last_at > since and each.newest_kid != kid]


def _is_news(consumer: str, address: str, newest_kid: str) -> bool:
    """Return whether to write a fetch to the database; this also stops a flood of names."""
    with _lock:
        noted = _noted.setdefault(db.engine, _new_memory())
        noted.expire()
        who = (consumer, address)
        if noted.get(who) == newest_kid or (who not in noted and len(noted) >= MOST_NOTED):
            return False
        noted[who] = newest_kid
        return True


def _new_memory() -> "TTLCache[tuple[str, str], str]":
    return TTLCache(MOST_NOTED, COALESCED.total_seconds(), lambda: clock.now().timestamp())


def _write(consumer: str, address: str, newest_kid: str, now: datetime) -> None:
    who = (JWKSFetch.consumer == consumer, JWKSFetch.address == address)
    known = update(JWKSFetch).where(*who).values(newest_kid=newest_kid, last_at=now)
    if _rows(known) or not _make_room(now):
        return
    values = {"newest_kid": newest_kid, "last_at": now}
    new = insert_into(table_of(JWKSFetch), db.engine.dialect).values(
        consumer=consumer, address=address, first_at=now, **values
    )
    # Another process may have noted the same program already.
    _rows(new.on_conflict_do_update(index_elements=["consumer", "address"], set_=values))


def _make_room(now: datetime) -> bool:
    """Make room to record one more program; return False if all recorded ones are regular."""
    _rows(delete(JWKSFetch).where(JWKSFetch.last_at < now - KEPT))
    if (db.session.scalar(select(func.count()).select_from(JWKSFetch)) or 0) < MOST_KEPT:
        return True
    came_once = select(JWKSFetch).where(JWKSFetch.first_at == JWKSFetch.last_at)
    oldest = db.session.scalars(came_once.order_by(JWKSFetch.last_at).limit(1)).first()
    if oldest is None:
        log.warning("jwks_fetch_not_recorded", reason=f"{MOST_KEPT} programs already are")
        return False
    db.session.delete(oldest)
    db.session.flush()
    return True


def _rows(statement: Any) -> int:
    result: CursorResult[Any] = db.session.execute(statement)  # type: ignore[assignment]
    return result.rowcount
