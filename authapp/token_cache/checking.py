"""Comparing what is cached with the database: an instrument, for a cache that should need none."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from authapp.token_cache import keys
from authapp.token_cache.entries import CachedEntry, RowEntry, load, parse
from authapp.token_cache.parts import Parts
from authapp.token_cache.protocol import Protocol


class Checked(NamedTuple):
    """What a batch of keys came to: how many values were compared, and which keys differ."""

    compared: int
    differing: list[str]


def check(parts: Parts, protocol: Protocol) -> Iterator[Checked]:
    """Compare every cached value with the database, in batches; raises RedisAway."""
    for pattern in keys.ALL_PATTERNS:
        for batch in protocol.matching(pattern):
            entries = [entry for key in batch if (entry := parse(key)) is not None]
            yield _compare(parts, protocol, entries)


def _compare(parts: Parts, protocol: Protocol, entries: Sequence[CachedEntry]) -> Checked:
    compared, differing = _look(parts, protocol, entries)
    if differing:
        # A writer may have come between the two looks; a difference that stays is one.
        _, differing = _look(parts, protocol, differing)
    return Checked(compared, [entry.key for entry in differing])


def _look(
    parts: Parts, protocol: Protocol, entries: Sequence[CachedEntry]
) -> tuple[int, list[CachedEntry]]:
    if not entries:
        return 0, []
    _, looks = protocol.look(entries)
    cached = {entry: look.value for entry, look in looks.items() if look.is_hit}
    committed = load(parts.database, list(cached))
    return len(cached), [e for e in cached if not _agree(e, cached[e], committed[e])]


def _agree(entry: CachedEntry, cached: Any, committed: Any) -> bool:
    """Tell whether a value is right; a list may still hold ids whose time has run out since."""
    if isinstance(entry, RowEntry):
        return bool(cached == committed)
    return set(committed) <= set(cached)
