"""What the operations on all kinds of tokens share."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import current_app

from authapp.token_cache.assembly import Assembly
from authapp.token_cache.entries import ListEntry, RowEntry
from authapp.token_cache.records import Kind, R, Record, is_active, is_unexpired

C = TypeVar("C")


class Operations:
    """Read, fill and invalidate the current application's cache."""

    @property
    def assembly(self) -> Assembly:
        """The components of the current application's cache."""
        return cast(Assembly, current_app.extensions["token_cache"])

    def recall_verdict(self, value: str, type: type[C]) -> C | None:
        """Return the remembered conclusion about a token, or None if it is no longer valid."""
        return self.assembly.verdicts.recall(value, type)

    def remember_verdict(
        self,
        value: str,
        conclusion: Any,
        records: Sequence[Record],
        *,
        expires_at: datetime | None = None,
    ) -> None:
        """Remember a conclusion about a token for as long as these records do not change."""
        self.assembly.verdicts.remember(value, conclusion, records, expires_at=expires_at)

    def _get(self, kind: Kind[R], id: UUID) -> R | None:
        """Return a row's record, or None if it does not exist or has expired."""
        return self._get_many(kind, [id])[0]

    def _get_many(self, kind: Kind[R], ids: Sequence[UUID]) -> list[R | None]:
        records = self.assembly.reader.read([RowEntry(kind, id) for id in ids])
        return [unexpired(record) for record in records]

    def _get_all(self, kind: Kind[R], *owner: Any) -> list[R]:
        """Return the active records in an owner's list, in at most two round trips."""
        [ids] = self.assembly.reader.read([ListEntry(kind, owner)])
        return [record for record in self._get_many(kind, ids) if record and is_active(record)]

    def _cache(self, kind: Kind[R], id: UUID) -> None:
        """Cache a row's committed state if it is not cached yet."""
        self._get(kind, id)

    def _invalidate(self, kind: Kind[Any], id: UUID) -> None:
        self.assembly.backend.invalidate([kind.key(id)])

    def _invalidate_all(self, kind: Kind[Any], *owner: Any) -> None:
        """Remove an owner's list and the entries of all rows that they own in the database."""
        ids = self.assembly.database.ids_of(kind, owner)
        self.assembly.backend.invalidate([kind.list_key(*owner), *(kind.key(id) for id in ids)])


def unexpired(record: R | None) -> R | None:
    """Return a record, or None if it has expired, even if Redis still holds it."""
    return record if record is not None and is_unexpired(record) else None
