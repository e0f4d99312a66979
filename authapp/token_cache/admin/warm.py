"""Fill the cache before it is needed: signing keys, and the tokens of active users."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from authapp import clock
from authapp.models import RefreshToken, VerificationType, db
from authapp.models.transaction import release_connection
from authapp.token_cache.assembly import Assembly
from authapp.token_cache.entries import ListEntry, RowEntry
from authapp.token_cache.records import JWT_KEY, REFRESH_TOKEN, TOKEN, VERIFICATION_TOKEN

BATCH: Final = 200


def warm_keys(assembly: Assembly) -> int:
    """Cache the signing keys and their list; return how many keys there are."""
    [ids] = assembly.reader.read([ListEntry(JWT_KEY, ())])
    assembly.reader.read([RowEntry(JWT_KEY, id) for id in ids])
    return len(ids)


def warm_users(assembly: Assembly, user_ids: Sequence[UUID]) -> None:
    """Cache these users' API tokens, sessions, links and codes, with their lists."""
    lists = [entry for id in user_ids for entry in _lists_of(id)]
    listed = zip(lists, assembly.reader.read(lists), strict=True)
    assembly.reader.read([RowEntry(entry.kind, id) for entry, ids in listed for id in ids])


def _lists_of(user_id: UUID) -> Iterator[ListEntry]:
    yield ListEntry(TOKEN, (user_id,))
    yield ListEntry(REFRESH_TOKEN, (user_id,))
    for type in VerificationType:
        yield ListEntry(VERIFICATION_TOKEN, (user_id, type))


def recently_active(within: timedelta) -> Iterator[list[UUID]]:
    """Yield, in batches, the users with an open session that was last used within this time."""
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
        release_connection()
        if not batch:
            return
        yield batch
        last = batch[-1]
