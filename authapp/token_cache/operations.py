"""What the operations of every kind of token are made of."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from flask import current_app

from authapp.token_cache.entries import ListEntry, RowEntry
from authapp.token_cache.parts import Parts
from authapp.token_cache.records import Kind, R, lives, stands


class Operations:
    """Reads, fills and invalidations of one application's cache."""

    @property
    def parts(self) -> Parts:
        """The parts that serve the application at work."""
        return cast(Parts, current_app.extensions["token_cache"])

    def _get(self, kind: Kind[R], id: UUID) -> R | None:
        """Return a row's record; None if there is none or its time has run out."""
        return self._get_many(kind, [id])[0]

    def _get_many(self, kind: Kind[R], ids: Sequence[UUID]) -> list[R | None]:
        entries = [RowEntry(kind, id) for id in ids]
        values = self.parts.reader.read(entries)
        return [living(values[entry]) for entry in entries]

    def _get_all(self, kind: Kind[R], *owner: Any) -> list[R]:
        """Return the records in an owner's list that still stand: two round trips at most."""
        listed = ListEntry(kind, owner)
        ids = self.parts.reader.read([listed])[listed]
        return [record for record in self._get_many(kind, ids) if record and stands(record)]

    def _cache(self, kind: Kind[R], id: UUID) -> None:
        """See to it that a row's entry is in the cache, as it is committed."""
        self.parts.reader.unknown.forget(kind.key(id))
        self._get(kind, id)

    def _invalidate(self, kind: Kind[Any], id: UUID) -> None:
        self.parts.writer.invalidate([kind.key(id)])

    def _invalidate_all(self, kind: Kind[Any], *owner: Any) -> None:
        """Remove an owner's list and the entry of every row of theirs, as the database has them."""
        ids = self.parts.database.ids_of(kind, owner)
        self.parts.writer.invalidate([kind.list_key(*owner), *(kind.key(id) for id in ids)])


def living(record: R | None) -> R | None:
    """Return a record unless its own time has run out, whatever Redis says."""
    return record if record is not None and lives(record) else None
