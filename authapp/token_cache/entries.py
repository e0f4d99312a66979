"""Cache entries: one row's record, or the ids in one owner's list."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from authapp.token_cache.coherence.database import CacheDatabase
from authapp.token_cache.keys import JWT_KEYS
from authapp.token_cache.records import JWT_KEY, KINDS, Kind, is_unexpired, time_to_live

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class _KeyedEntry:
    """An entry that is compared and hashed by its key, which is built once."""

    __slots__ = ("key", "kind")

    def __init__(self, kind: Kind[Any], key: str) -> None:
        self.kind = kind
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _KeyedEntry) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class RowEntry(_KeyedEntry):
    """The entry of one row; its value is None if the row does not exist."""

    __slots__ = ("id",)

    def __init__(self, kind: Kind[Any], id: UUID) -> None:
        super().__init__(kind, kind.key(id))
        self.id = id

    @property
    def type(self) -> Any:
        return self.kind.record

    def time_left(self, value: Any) -> timedelta:
        return time_to_live(self.kind, value) if is_unexpired(value) else timedelta()


class ListEntry(_KeyedEntry):
    """The entry of one owner's list, which holds ids, never records."""

    __slots__ = ("owner",)

    def __init__(self, kind: Kind[Any], owner: tuple[Any, ...]) -> None:
        super().__init__(kind, kind.list_key(*owner))
        self.owner = owner

    @property
    def type(self) -> Any:
        return list[UUID]

    def time_left(self, value: Any) -> timedelta:
        return self.kind.duration


CachedEntry = RowEntry | ListEntry


class Entry(Protocol):
    """A key, the type of its value, and how long a value may be cached."""

    @property
    def key(self) -> str: ...

    @property
    def type(self) -> Any: ...

    def time_left(self, value: Any) -> timedelta: ...


E = TypeVar("E", bound=Entry)


def load(database: CacheDatabase, entries: Sequence[CachedEntry]) -> dict[CachedEntry, Any]:
    """Load each entry's value from the database, with one query per kind of row and one per list.

    Raises Unavailable.
    """
    loaded: dict[CachedEntry, Any] = {}
    groups: dict[str, list[RowEntry]] = {}
    for entry in entries:
        if isinstance(entry, RowEntry):
            groups.setdefault(entry.kind.name, []).append(entry)
        else:
            loaded[entry] = database.list_ids(entry.kind, entry.owner)
    if groups:
        wanted = [(group[0].kind, [each.id for each in group]) for group in groups.values()]
        found = database.load(wanted)
        loaded.update({each: found.get(each.key) for group in groups.values() for each in group})
    return loaded


def parse(key: str) -> CachedEntry | None:
    """Return the entry with this key, or None if it is not the key of a row or a list."""
    if key == JWT_KEYS:
        return ListEntry(JWT_KEY, ())
    for kind in KINDS.values():
        if row := re.fullmatch(f"{kind.name}:({_UUID})", key):
            return RowEntry(kind, UUID(row[1]))
        if listed := re.fullmatch(f"{kind.name}s:user:({_UUID})(?::type:([a-z_]+))?", key):
            owner = (UUID(listed[1]), listed[2])[: len(kind.owner_columns)]
            return ListEntry(kind, owner)
    return None
