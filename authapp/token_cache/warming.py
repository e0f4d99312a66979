"""Filling the cache ahead of need: signing keys, and the tokens of people who were here lately."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from authapp import clock
from authapp.models import RefreshToken, db
from authapp.token_cache.entries import ListEntry, RowEntry
from authapp.token_cache.parts import Parts
from authapp.token_cache.records import JWT_KEY, REFRESH_TOKEN, TOKEN

BATCH: Final = 200


def warm_keys(parts: Parts) -> int:
    """Cache the signing keys and their list; return how many keys there are."""
    listed = ListEntry(JWT_KEY, ())
    ids = parts.reader.read([listed])[listed]
    parts.reader.read([RowEntry(JWT_KEY, id) for id in ids])
    return len(ids)


def warm_users(parts: Parts, user_ids: Sequence[UUID]) -> None:
    """Cache these people's API tokens and sessions, with their lists."""
    lists = [ListEntry(kind, (id,)) for id in user_ids for kind in (TOKEN, REFRESH_TOKEN)]
    ids = parts.reader.read(lists)
    parts.reader.read([RowEntry(entry.kind, id) for entry in lists for id in ids[entry]])


def recently_active(within: timedelta) -> Iterator[list[UUID]]:
    """Yield the people whose session was used lately, in batches."""
    since, last = clock.now() - within, None
    while True:
        found = (
            select(RefreshToken.user_id)
            .where(RefreshToken.last_used_at >= since, RefreshToken.ended_at.is_(None))
            .distinct()
            .order_by(RefreshToken.user_id)
            .limit(BATCH)
        )
        if last is not None:
            found = found.where(RefreshToken.user_id > last)
        batch = list(db.session.scalars(found))
        db.session.rollback()
        if not batch:
            return
        yield batch
        last = batch[-1]
