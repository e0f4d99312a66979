"""Listing accounts for operators, newest first, a page at a time."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, text, tuple_

from authapp.config import current_settings
from authapp.errors import InputRefused
from authapp.models import User, db

PAGE: Final = 50

_TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
_POSITION: Final = re.compile(r"(?P<time>[0-9T:.-]{26}Z)_(?P<id>[0-9a-f-]{36})")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which accounts to list; None includes all.

    `search` is part of the address, ignoring case. `language` also includes its regional variants,
    and DEFAULT_LANGUAGE the accounts without a language.
    """

    search: str | None = None
    is_verified: bool | None = None
    is_disabled: bool | None = None
    role: str | None = None
    created_since: datetime | None = None
    language: str | None = None


@dataclass(frozen=True)
class Page:
    """Accounts, and the position after which the next page begins, if there are more."""

    users: list[User]
    next: str | None


def list_users(wanted: Wanted, *, after: str | None = None, limit: int = PAGE) -> Page:
    """Return a page of accounts; `after` is the position that the previous page ended with.

    An account that is created or deleted in the meantime moves no other account to another page.
    Raises InputRefused for a malformed position.
    """
    found = select(User).where(*_conditions(wanted), *_older(after))
    newest = User.created_at.desc(), User.id.desc()
    users = list(db.session.scalars(found.order_by(*newest).limit(limit + 1)))
    return Page(users[:limit], _position(users[limit - 1]) if len(users) > limit else None)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for column, is_set in (
        (User.email_verified_at, wanted.is_verified),
        (User.disabled_at, wanted.is_disabled),
    ):
        if is_set is not None:
            conditions.append(column.is_not(None) if is_set else column.is_(None))
    if wanted.search:
        conditions.append(_has_in_address(wanted.search))
    if wanted.role:
        conditions.append(_has_role(wanted.role))
    if wanted.created_since:
        conditions.append(User.created_at >= wanted.created_since)
    if wanted.language:
        conditions.append(_speaks(wanted.language))
    return conditions


def _has_in_address(part: str) -> ColumnElement[bool]:
    """Compare with both forms of an address, so that a domain is found as typed and as ASCII."""
    # SQLite itself only lowers ASCII letters. Stored domains are in lower case.
    part = part.lower()
    return or_(
        User.email.icontains(part, autoescape=True),
        User.email_key.contains(part, autoescape=True),
    )


def _has_role(role: str) -> ColumnElement[bool]:
    # Written out, because a partial index is used only if its condition is in the statement.
    has_any: ColumnElement[bool] = text("users.roles <> ''")  # type: ignore[assignment]
    padded = literal(" ") + User.roles + literal(" ")
    return and_(has_any, padded.contains(f" {role} ", autoescape=True))


def _speaks(language: str) -> ColumnElement[bool]:
    chosen = func.coalesce(User.language, current_settings().languages.default)
    return or_(chosen == language, chosen.startswith(f"{language}-", autoescape=True))


def _older(position: str | None) -> tuple[ColumnElement[bool], ...]:
    if position is None:
        return ()
    parsed = _POSITION.fullmatch(position)
    try:
        created_at, id = datetime.strptime(parsed["time"], _TIME), UUID(parsed["id"])  # type: ignore[index]
    except (TypeError, ValueError):
        raise InputRefused("after", "malformed") from None
    at = created_at.replace(tzinfo=UTC)
    return (tuple_(User.created_at, User.id) < (at, id),)


def _position(user: User) -> str:
    return f"{user.created_at.astimezone(UTC):{_TIME}}_{user.id}"
