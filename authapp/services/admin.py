"""What the operators' pages show: accounts to find, and figures for charts."""

import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, collate, extract, func, or_, select, tuple_

from authapp import clock
from authapp.errors import NotFound
from authapp.models import Activity, ActivityEvent, User, db
from authapp.token_cache import token_cache
from authapp.token_cache.counters import Event

PAGE: Final = 25
_HOURS: Final = 24
_LONGEST_SEARCH: Final = 320
_LAST: Final = chr(sys.maxunicode)
"""Sorts after every character of an address."""

_HOUR: Final = timedelta(hours=1)

_REFUSED: Final = (Activity.SIGN_IN_REFUSED, Activity.SECOND_FACTOR_REFUSED)


@dataclass(frozen=True)
class Accounts:
    """Accounts by address, and the last one's id if there are more."""

    users: list[User]
    more_after: UUID | None


@dataclass(frozen=True)
class Hour:
    """How many sign-ins succeeded and were refused in the hour that begins at `at`."""

    at: datetime
    succeeded: int
    refused: int


@dataclass(frozen=True)
class Reads:
    """How many reads of a kind of entry were answered from memory or Redis, and how many not."""

    kind: str
    hits: int
    misses: int

    @property
    def ratio(self) -> float:
        """The share of hits, from 0 to 1."""
        return self.hits / (self.hits + self.misses)


def list_accounts(search: str, *, after: UUID | None = None) -> Accounts:
    """Return the accounts with an id, or whose address begins with a text, a page at a time.

    `after` is the last account of the previous page; raises NotFound if it was deleted.
    """
    if not search.isprintable() or len(search) > _LONGEST_SEARCH:
        return Accounts([], None)
    conditions = [_matches(search.strip()), *_later(after)]
    found = select(User).where(*conditions).order_by(_key(), User.id).limit(PAGE + 1)
    users = list(db.session.scalars(found))
    return Accounts(users[:PAGE], users[PAGE - 1].id if len(users) > PAGE else None)


def sign_ins_by_hour() -> list[Hour]:
    """Return the sign-ins of the current hour and the 23 before it, the oldest first."""
    this_hour = clock.now().replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - _HOUR * back for back in reversed(range(_HOURS))]
    hour = extract("hour", ActivityEvent.created_at)
    counted = (
        select(hour, ActivityEvent.activity, func.sum(ActivityEvent.times))
        .where(
            ActivityEvent.created_at >= hours[0],
            ActivityEvent.activity.in_([Activity.SIGNED_IN, *_REFUSED]),
        )
        .group_by(hour, ActivityEvent.activity)
    )
    counts = {(int(at), activity): int(n) for at, activity, n in db.session.execute(counted)}
    return [
        Hour(
            at,
            counts.get((at.hour, Activity.SIGNED_IN), 0),
            sum(counts.get((at.hour, each), 0) for each in _REFUSED),
        )
        for at in hours
    ]


def reads_by_kind() -> list[Reads]:
    """Return the cache's reads of each kind since the counters began, over all processes."""
    counts = token_cache.statistics().counts
    memory, redis, misses = (
        counts.get(event, {}) for event in (Event.RECALL, Event.HIT, Event.MISS)
    )
    return [
        Reads(kind, memory.get(kind, 0) + redis.get(kind, 0), misses.get(kind, 0))
        for kind in sorted({*memory, *redis, *misses})
    ]


def _matches(search: str) -> ColumnElement[bool]:
    # Not LIKE, whose pattern says nothing about the order that the index is in.
    first = search.casefold()
    begins = and_(_key() >= first, _key() < first + _LAST)
    try:
        return or_(begins, User.id == UUID(search))
    except ValueError:
        return begins


def _later(after: UUID | None) -> tuple[ColumnElement[bool], ...]:
    if after is None:
        return ()
    last = db.session.get(User, after)
    if last is None:
        raise NotFound("no such account")
    return (tuple_(_key(), User.id) > (last.email_key, last.id),)


def _key() -> ColumnElement[str]:
    """Return the addresses as the database sorts them by their bytes, in any language."""
    is_postgresql = db.engine.dialect.name == "postgresql"
    return collate(User.email_key, "C" if is_postgresql else "BINARY")
