"""What a key is for: one row's record, or the ids in one owner's list."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from authapp.token_cache.database import CacheDatabase
from authapp.token_cache.keys import JWT_KEYS
from authapp.token_cache.records import JWT_KEY, KINDS, Kind, lives, time_to_live

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass(frozen=True)
class RowEntry:
    """The entry of one row, by its id; None stands for a row that does not exist."""

    kind: Kind[Any]
    id: UUID

    @property
    def key(self) -> str:
        return self.kind.key(self.id)

    @property
    def type(self) -> Any:
        return self.kind.record

    def time_left(self, value: Any) -> timedelta:
        return time_to_live(self.kind, value) if lives(value) else timedelta()


@dataclass(frozen=True)
class ListEntry:
    """The entry of one owner's list, which holds ids and never what they stand for."""

    kind: Kind[Any]
    owner: tuple[Any, ...]

    @property
    def key(self) -> str:
        return self.kind.list_key(*self.owner)

    @property
    def type(self) -> Any:
        return list[UUID]

    def time_left(self, value: Any) -> timedelta:
        return self.kind.duration


CachedEntry = RowEntry | ListEntry


class Entry(Protocol):
    """Anything that one key holds: its name, the type of its value, and how long it may stay."""

    @property
    def key(self) -> str: ...

    @property
    def type(self) -> Any: ...

    def time_left(self, value: Any) -> timedelta: ...


E = TypeVar("E", bound=Entry)


def load(database: CacheDatabase, entries: Sequence[CachedEntry]) -> dict[CachedEntry, Any]:
    """Ask the database for what belongs in each entry, with one query a kind of row.

    Raises Unavailable.
    """
    loaded: dict[CachedEntry, Any] = {}
    rows = [entry for entry in entries if isinstance(entry, RowEntry)]
    for name in dict.fromkeys(entry.kind.name for entry in rows):
        group = [entry for entry in rows if entry.kind.name == name]
        found = database.load(group[0].kind, [entry.id for entry in group])
        loaded.update({entry: found.get(entry.id) for entry in group})
    for entry in entries:
        if isinstance(entry, ListEntry):
            loaded[entry] = database.list_ids(entry.kind, entry.owner)
    return loaded


def parse(key: str) -> CachedEntry | None:
    """Return what a key of ours is for; None for a key that is not ours."""
    if key == JWT_KEYS:
        return ListEntry(JWT_KEY, ())
    for kind in KINDS.values():
        if row := re.fullmatch(f"{kind.name}:({_UUID})", key):
            return RowEntry(kind, UUID(row[1]))
        if listed := re.fullmatch(f"{kind.name}s:user:({_UUID})(?::type:([a-z_]+))?", key):
            owner = (UUID(listed[1]), listed[2])[: len(kind.owner_columns)]
            return ListEntry(kind, owner)
    return None
