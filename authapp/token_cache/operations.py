"""What the operations on every kind of token share."""

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
    """Reads, fills and invalidations of the current application's cache."""

    @property
    def assembly(self) -> Assembly:
        """The parts that serve the current application."""
        return cast(Assembly, current_app.extensions["token_cache"])

    def recall_verdict(self, value: str, type: type[C]) -> C | None:
        """Return what a token was found to prove, unless a row behind it has changed since."""
        return self.assembly.verdicts.recall(value, type)

    def remember_verdict(
        self,
        value: str,
        conclusion: Any,
        records: Sequence[Record],
        *,
        expires_at: datetime | None = None,
    ) -> None:
        """Remember what a token proves, for as long as these records stay as they are."""
        self.assembly.verdicts.remember(value, conclusion, records, expires_at=expires_at)

    def _get(self, kind: Kind[R], id: UUID) -> R | None:
        """Return a row's record; None if there is none or it has expired."""
        return self._get_many(kind, [id])[0]

    def _get_many(self, kind: Kind[R], ids: Sequence[UUID]) -> list[R | None]:
        records = self.assembly.reader.read([RowEntry(kind, id) for id in ids])
        return [unexpired(record) for record in records]

    def _get_all(self, kind: Kind[R], *owner: Any) -> list[R]:
        """Return the active records in an owner's list, in two round trips at most."""
        [ids] = self.assembly.reader.read([ListEntry(kind, owner)])
        return [record for record in self._get_many(kind, ids) if record and is_active(record)]

    def _cache(self, kind: Kind[R], id: UUID) -> None:
        """Make sure that a row's entry is cached, as it is committed."""
        self._get(kind, id)

    def _invalidate(self, kind: Kind[Any], id: UUID) -> None:
        self.assembly.backend.invalidate([kind.key(id)])

    def _invalidate_all(self, kind: Kind[Any], *owner: Any) -> None:
        """Remove an owner's list and the entries of all rows that the database has for them."""
        ids = self.assembly.database.ids_of(kind, owner)
        self.assembly.backend.invalidate([kind.list_key(*owner), *(kind.key(id) for id in ids)])


def unexpired(record: R | None) -> R | None:
    """Return a record unless it has expired, whatever Redis says."""
    return record if record is not None and is_unexpired(record) else None
