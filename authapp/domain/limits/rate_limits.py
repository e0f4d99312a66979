"""Limits on attempts that guess a secret or cost money, counted in the database.

A limit allows a burst, and then more attempts at a steady pace (the generic cell rate algorithm).
So the rate never doubles at the edge of a window.
Source: ASVS 5.0, 6.3.1; NIST SP 800-63B-4, section 3.2.2.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Result,
    and_,
    case,
    delete,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.sql.dml import ReturningInsert

from authapp import clock, metrics
from authapp.config import current_settings
from authapp.config.limits import Limit
from authapp.errors import TooManyAttempts, Unavailable
from authapp.models import Attempt, db
from authapp.models.base import insert_into, table_of
from authapp.models.transaction import release_connection
from authapp.security.derivation import keyed_digest

__all__ = [
    "Count",
    "Limit",
    "allows",
    "forget_spent",
    "forgive",
    "give_back",
    "in_a_row",
    "is_used",
    "reopen",
    "spend",
    "spend_all",
    "unless_unavailable",
]

log = structlog.get_logger(__name__)

_MILLISECOND: Final = timedelta(milliseconds=1)
_A_YEAR: Final = timedelta(days=365)
_attempts = table_of(Attempt)


class Count(NamedTuple):
    """What an attempt counts against: a limit, and an account, an address or a phone number."""

    limit: Limit
    subject: str


def in_a_row(name: str, most: int) -> Limit:
    """Return a limit on failures without a success in between; one attempt is regained each year.

    Without that, attempts at random addresses would stay in the database forever.
    """
    return Limit(name, most, within=most * _A_YEAR)


def spend(limit: Limit, subject: str) -> None:
    """Count an attempt by a subject against one limit; raises what `spend_all` raises."""
    spend_all([Count(limit, subject)])


def spend_all(counts: Sequence[Count]) -> frozenset[str]:
    """Count an attempt against several limits, and return the names of those that are now used up.

    The attempt is committed at once, so that it counts even if the use case fails. Raises
    TooManyAttempts, which no limit counts, and RuntimeError inside `transaction()`. Calls that
    share a limit list their limits in the same order, which prevents deadlocks.
    """
    outcome = _try_all(counts)
    if isinstance(outcome, TooManyAttempts):
        log.info("limit_reached", limit=outcome.limit)
        metrics.LIMITS_REACHED.labels(outcome.limit).inc()
        raise outcome
    return outcome


def allows(limit: Limit, subject: str) -> bool:
    """Count an attempt, and return True; return False if the limit was already used up."""
    return not isinstance(_try_all([Count(limit, subject)]), TooManyAttempts)


def give_back(counts: Sequence[Count]) -> None:
    """Undo `spend_all` at once, for an attempt that was not a wrong guess.

    Raises RuntimeError inside `transaction()`: other requests must not wait for its locks.
    """
    if not counts:
        return
    release_connection()
    now_ms = _now_ms()
    # An UPDATE would lock the rows in any order.
    returned = _upsert(
        _attempts.c.free_at_ms - _by_name(counts, lambda limit: limit.pause_ms),
        where=_attempts.c.free_at_ms > now_ms,
    )
    with db.engine.begin() as connection:
        connection.execute(returned, _rows(counts, lambda _limit: now_ms))


@contextmanager
def unless_unavailable(counts: Sequence[Count]) -> Iterator[None]:
    """Give the attempt back if the server could not check it, for example because it was busy."""
    try:
        yield
    except Unavailable:
        give_back(counts)
        raise


def is_used(limit: Limit, subject: str) -> bool:
    """Return whether an attempt by the subject still counts."""
    counts = _are_for([Count(limit, subject)]), _attempts.c.free_at_ms > _now_ms()
    return db.session.scalar(select(_attempts.c.name).where(*counts)) is not None


def forgive(limit: Limit, subject: str) -> None:
    """Delete a subject's attempts after a successful one, in the caller's transaction."""
    db.session.execute(delete(Attempt).where(_are_for([Count(limit, subject)])))


def reopen(limit: Limit, subject: str) -> None:
    """Delete a subject's attempts if the limit is used up, in the caller's transaction."""
    is_used_up = _attempts.c.free_at_ms > _last_at(limit, _now_ms())
    db.session.execute(delete(Attempt).where(_are_for([Count(limit, subject)]), is_used_up))


def forget_spent(most: int) -> int:
    """Delete up to `most` attempts that no longer count, and return how many were deleted."""
    key = tuple_(Attempt.name, Attempt.subject)
    spent = select(Attempt.name, Attempt.subject).where(Attempt.free_at_ms < _now_ms()).limit(most)
    deletion = delete(Attempt).where(key.in_(spent), Attempt.free_at_ms < _now_ms())
    return len(db.session.execute(deletion.returning(Attempt.name)).all())


def _try_all(counts: Sequence[Count]) -> frozenset[str] | TooManyAttempts:
    """Count an attempt against all limits, or against none."""
    release_connection()
    now_ms = _now_ms()
    with db.engine.begin() as connection:
        rows = _rows(counts, lambda limit: now_ms + limit.pause_ms)
        spent = _by_limit(connection.execute(_spending(counts, now_ms), rows))
        refusing = [count for count in counts if count.limit.name not in spent]
        if refusing:
            found = select(_attempts.c.name, _attempts.c.free_at_ms).where(_are_for(refusing))
            used = _by_limit(connection.execute(found))
            connection.rollback()
            return _refusal(refusing, used, now_ms)
    limits = (limit for limit, _ in counts)
    return frozenset(each.name for each in limits if spent[each.name] > _last_at(each, now_ms))


def _spending(counts: Sequence[Count], now_ms: int) -> ReturningInsert[Any]:
    """Return a statement that counts an attempt, and returns the limits that allow it."""
    used_from = case((_attempts.c.free_at_ms > now_ms, _attempts.c.free_at_ms), else_=now_ms)
    return _upsert(
        used_from + _by_name(counts, lambda limit: limit.pause_ms),
        where=_attempts.c.free_at_ms <= _by_name(counts, lambda limit: _last_at(limit, now_ms)),
    )


def _by_limit(found: Result[Any]) -> dict[str, int]:
    return {row.name: row.free_at_ms for row in found}


def _refusal(refusing: Sequence[Count], free_at_ms: dict[str, int], now_ms: int) -> TooManyAttempts:
    """Return the error for the limit that takes longest to allow another attempt."""
    waits_ms = {
        limit.name: free_at_ms.get(limit.name, now_ms) - _last_at(limit, now_ms)
        for limit, _ in refusing
    }
    name = max(waits_ms, key=lambda each: waits_ms[each])
    return TooManyAttempts(waits_ms[name] * _MILLISECOND, limit=name)


def _upsert(updated: ColumnElement[Any], *, where: ColumnElement[bool]) -> ReturningInsert[Any]:
    """Return a statement that inserts or updates rows, and locks them in their order."""
    upsert = insert_into(_attempts, db.engine.dialect).on_conflict_do_update(
        index_elements=["name", "subject"], set_={"free_at_ms": updated}, where=where
    )
    return upsert.returning(_attempts.c.name, _attempts.c.free_at_ms)


def _rows(counts: Sequence[Count], free_at_ms: Callable[[Limit], int]) -> list[dict[str, Any]]:
    return [
        {"name": limit.name, "subject": _digest(subject), "free_at_ms": free_at_ms(limit)}
        for limit, subject in counts
    ]


def _by_name(counts: Sequence[Count], value: Callable[[Limit], int]) -> ColumnElement[int]:
    """Return the value of the limit that a row belongs to."""
    values = {limit.name: literal(value(limit), BigInteger) for limit, _ in counts}
    return case(values, value=_attempts.c.name)


def _are_for(counts: Sequence[Count]) -> ColumnElement[bool]:
    table = _attempts.c
    return or_(
        *(
            and_(table.name == limit.name, table.subject == _digest(subject))
            for limit, subject in counts
        )
    )


def _last_at(limit: Limit, now_ms: int) -> int:
    """Return the largest `free_at_ms` of a subject that may attempt again now."""
    return now_ms + limit.pause_ms * (limit.most - 1)


def _digest(subject: str) -> bytes:
    """Return a keyed digest: addresses and numbers that have no account must not be stored."""
    return keyed_digest(current_settings().secrets.secret_key, "attempts", subject)


def _now_ms() -> int:
    return int(clock.now().timestamp() * 1000)
