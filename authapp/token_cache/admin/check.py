"""Compare cached values with the database, which should never differ."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from authapp.token_cache import keys
from authapp.token_cache.backend import TokenCacheBackend
from authapp.token_cache.entries import CachedEntry, RowEntry, load, parse


class Checked(NamedTuple):
    """The number of values of a batch that were compared, and the keys that differ."""

    compared: int
    differing: list[str]


def check(backend: TokenCacheBackend) -> Iterator[Checked]:
    """Compare every cached value with the database, in batches; raises RedisUnavailable."""
    for pattern in keys.ALL_PATTERNS:
        for batch in backend.matching(pattern):
            entries = [entry for key in batch if (entry := parse(key)) is not None]
            yield _compare(backend, entries)


def _compare(backend: TokenCacheBackend, entries: Sequence[CachedEntry]) -> Checked:
    compared, differing = _look(backend, entries)
    if differing:
        # A writer may have committed between the two reads: only a lasting difference counts.
        _, differing = _look(backend, differing)
    return Checked(compared, [entry.key for entry in differing])


def _look(
    backend: TokenCacheBackend, entries: Sequence[CachedEntry]
) -> tuple[int, list[CachedEntry]]:
    if not entries:
        return 0, []
    _, looks = backend.look(entries)
    cached = {entry: look.value for entry, look in looks.items() if look.is_hit}
    committed = load(backend.database, list(cached))
    return len(cached), [e for e in cached if not _agree(e, cached[e], committed[e])]


def _agree(entry: CachedEntry, cached: Any, committed: Any) -> bool:
    """Return whether a value is correct; a list may still contain ids that have expired since."""
    if isinstance(entry, RowEntry):
        return bool(cached == committed)
    return set(committed) <= set(cached)
