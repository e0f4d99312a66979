"""Limits on attempts that guess a secret or cost money; they are kept in the database.

A limit lets a burst through and then one more attempt at a steady pace (the generic cell rate
algorithm), so that nobody is locked out for good and no window's edge doubles what is allowed.
Source: ASVS 5.0, 6.3.1; NIST SP 800-63B-4, section 3.2.2.
"""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from authapp import clock
from authapp.config import current_settings
from authapp.errors import TooManyAttempts
from authapp.models import Attempt, db
from authapp.models.base import table_of
from authapp.security.derivation import derive_key

_MILLISECOND: Final = timedelta(milliseconds=1)
_attempts = table_of(Attempt)


@dataclass(frozen=True)
class Limit:
    """At most so many attempts at once, and so many more in each such time."""

    name: str
    most: int
    within: timedelta

    @property
    def pause_ms(self) -> int:
        return int(self.within / self.most / _MILLISECOND)


def spend(limit: Limit, subject: str) -> None:
    """Count an attempt of a subject: an account, an address, a number.

    Raises TooManyAttempts, which is not counted. It commits by itself, so that what is refused
    later still counts. Call it before the transaction writes anything: it ends that first.
    """
    # Whoever holds one connection while waiting for another may wait for ever.
    db.session.rollback()
    now_ms, digest = _now_ms(), _digest(subject)
    tolerated_ms = now_ms + limit.pause_ms * (limit.most - 1)
    used_from = case((_attempts.c.free_at_ms > now_ms, _attempts.c.free_at_ms), else_=now_ms)
    counted = (
        _insert()
        .values(name=limit.name, subject=digest, free_at_ms=now_ms + limit.pause_ms)
        .on_conflict_do_update(
            index_elements=["name", "subject"],
            set_={"free_at_ms": used_from + limit.pause_ms},
            where=_attempts.c.free_at_ms <= tolerated_ms,
        )
        .returning(_attempts.c.free_at_ms)
    )
    with db.engine.begin() as connection:
        if connection.execute(counted).one_or_none() is not None:
            return
        found = select(_attempts.c.free_at_ms).where(*_standing(limit, digest))
        free_at_ms = connection.scalar(found) or now_ms
    raise TooManyAttempts((free_at_ms - tolerated_ms) * _MILLISECOND)


def forgive(limit: Limit, subject: str) -> None:
    """Forget a subject's attempts, in the caller's transaction: the last one was right."""
    db.session.execute(delete(Attempt).where(*_standing(limit, _digest(subject))))


def forget_spent(most: int) -> int:
    """Delete what no limit remembers any more; commits, and returns how many there were."""
    spent = select(Attempt.subject).where(Attempt.free_at_ms < _now_ms()).limit(most)
    gone = delete(Attempt).where(Attempt.subject.in_(spent), Attempt.free_at_ms < _now_ms())
    number = len(db.session.execute(gone.returning(Attempt.name)).all())
    db.session.commit()
    return number


def _standing(limit: Limit, digest: bytes) -> tuple[Any, Any]:
    return _attempts.c.name == limit.name, _attempts.c.subject == digest


def _digest(subject: str) -> bytes:
    """Name a subject without keeping addresses and numbers of people who have no account."""
    key = derive_key(current_settings().secret_key, "attempts")
    return hmac.digest(key, subject.encode("utf-8", "surrogatepass"), "sha256")


def _now_ms() -> int:
    return int(clock.now().timestamp() * 1000)


def _insert() -> "sqlite.Insert | postgresql.Insert":
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    return insert(_attempts)
