"""Limits on attempts that guess a secret or cost money, counted in the database.

A limit allows a burst, and then more attempts at a steady pace (the generic cell rate algorithm).
So no user is locked out permanently, and the rate never doubles at the edge of a window.
Source: ASVS 5.0, 6.3.1; NIST SP 800-63B-4, section 3.2.2.
"""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import case, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from authapp import clock
from authapp.config import current_settings
from authapp.errors import TooManyAttempts
from authapp.models import Attempt, db
from authapp.models.base import table_of
from authapp.models.transaction import release_connection
from authapp.security.derivation import derive_key

_MILLISECOND: Final = timedelta(milliseconds=1)
_attempts = table_of(Attempt)


@dataclass(frozen=True)
class Limit:
    """At most `most` attempts at once, and as many again in each period `within`."""

    name: str
    most: int
    within: timedelta

    @property
    def pause_ms(self) -> int:
        return int(self.within / self.most / _MILLISECOND)


def spend(limit: Limit, subject: str) -> None:
    """Count an attempt by a subject, such as an account, an address or a phone number.

    The attempt is committed at once, so that it counts even if the use case fails. Raises
    TooManyAttempts, which is not counted, and RuntimeError inside `transaction()`.
    """
    release_connection()
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
        found = select(_attempts.c.free_at_ms).where(*_is_for(limit, digest))
        free_at_ms = connection.scalar(found) or now_ms
    raise TooManyAttempts((free_at_ms - tolerated_ms) * _MILLISECOND)


def forgive(limit: Limit, subject: str) -> None:
    """Delete a subject's attempts after a successful one, in the caller's transaction."""
    db.session.execute(delete(Attempt).where(*_is_for(limit, _digest(subject))))


def forget_spent(most: int) -> int:
    """Delete up to `most` attempts that no longer count, and return how many were deleted."""
    key = tuple_(Attempt.name, Attempt.subject)
    spent = select(Attempt.name, Attempt.subject).where(Attempt.free_at_ms < _now_ms()).limit(most)
    deletion = delete(Attempt).where(key.in_(spent), Attempt.free_at_ms < _now_ms())
    return len(db.session.execute(deletion.returning(Attempt.name)).all())


def _digest(subject: str) -> bytes:
    """Return a keyed digest, so that no address or number of a person without account is stored."""
    key = derive_key(current_settings().secrets.secret_key, "attempts")
    return hmac.digest(key, subject.encode("utf-8", "surrogatepass"), "sha256")


def _is_for(limit: Limit, digest: bytes) -> tuple[Any, Any]:
    return _attempts.c.name == limit.name, _attempts.c.subject == digest


def _now_ms() -> int:
    return int(clock.now().timestamp() * 1000)


def _insert() -> "sqlite.Insert | postgresql.Insert":
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    return insert(_attempts)
