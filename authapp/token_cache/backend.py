"""The Flask-Caching backend: plain operations on values that are not copies of rows.

Rows are cached by the operations of `token_cache`, which keep them coherent. While Redis is not
available, a read is a miss and a write returns False. A removal never fails silently: `delete`
journals a key that it cannot remove, and `delete_pattern` begins a new epoch.
"""

from datetime import timedelta
from typing import Any, Final, NamedTuple

from flask import Flask

from authapp.errors import InputRefused
from authapp.token_cache.coherence.steps import CoherentRedisCache
from authapp.token_cache.coherence.values import Look
from authapp.token_cache.records import CACHE_DURATION_TOKEN
from authapp.token_cache.redis.client import RedisUnavailable

Expiration = timedelta | int | None
_TRIES: Final = 16


class PlainEntry(NamedTuple):
    """An entry that is not a copy of a row."""

    key: str
    expiration: timedelta = CACHE_DURATION_TOKEN
    type: Any = Any

    def time_left(self, value: Any) -> timedelta:
        return self.expiration


class TokenCacheBackend(CoherentRedisCache):
    """Flask-Caching's Redis backend, which seals every value.

    An `expiration` is a timedelta or an int in seconds; None means one hour.
    """

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> "TokenCacheBackend":
        """Return the backend that `assembly` created for the application."""
        backend: TokenCacheBackend = app.extensions["token_cache"].backend
        return backend

    def get(self, key: str) -> Any:
        """Return the value, or None on a miss."""
        return self._look(key).value

    def set(self, key: str, value: Any, timeout: Expiration = None) -> bool:
        """Store a JSON-serializable value, unless a writer has fenced the key."""
        return self._place(key, value, timeout, only_if_absent=False)

    def set_nx(self, key: str, value: Any, expiration: Expiration = None) -> bool:
        """Store a value if the key holds nothing, in one atomic command."""
        return self._place(key, value, expiration, only_if_absent=True)

    def delete(self, key: str) -> bool:
        """Remove a key now or, if Redis is not available, before it is trusted again."""
        self.invalidate([key])
        return True

    def delete_pattern(self, pattern: str) -> int:
        """Remove the keys that match a glob, on every primary, and return how many were found.

        SCAN runs in batches, so that other clients are not blocked for long. Fences are kept.
        """
        return self.invalidate_pattern(pattern)

    def exists(self, key: str) -> bool:
        """Return whether a key holds a value that can be opened."""
        return self._look(key).is_hit

    def increment(self, key: str, expiration: Expiration = None) -> int:
        """Add one to a counter and return the result; a missing counter starts at 1.

        Raises InputRefused if the value is not an integer, and RedisUnavailable, also if the
        counter changed during every attempt.
        """
        for _ in range(_TRIES):
            look = self._look_or_raise(key)
            if look.is_hit and type(look.value) is not int:
                raise InputRefused("key", "not_a_number")
            number = look.value + 1 if look.is_hit else 1
            if self._swap(key, look, number, expiration):
                return number
        raise RedisUnavailable("the counter changed during every attempt")

    # Flask-Caching's own names for the same operations.

    def add(self, key: str, value: Any, timeout: Expiration = None) -> bool:
        return self.set_nx(key, value, timeout)

    def has(self, key: str) -> bool:
        return self.exists(key)

    def get_many(self, *keys: str) -> list[Any]:
        return [self.get(key) for key in keys]

    def set_many(self, mapping: dict[str, Any], timeout: Expiration = None) -> list[Any]:
        return [key for key, value in mapping.items() if self.set(key, value, timeout)]

    def delete_many(self, *keys: str) -> list[str]:
        self.invalidate(list(keys))
        return list(keys)

    def unlink(self, *keys: str) -> list[str]:
        return self.delete_many(*keys)

    def clear(self) -> bool:
        self.delete_pattern("*")
        return True

    def inc(self, key: str, delta: int = 1) -> int:
        if delta != 1:
            raise NotImplementedError("counters can only be incremented by one")
        return self.increment(key)

    def dec(self, key: str, delta: int = 1) -> int:
        raise NotImplementedError("counters cannot be decremented")

    def _look(self, key: str) -> Look:
        try:
            return self._look_or_raise(key)
        except RedisUnavailable:
            return Look()

    def _look_or_raise(self, key: str) -> Look:
        entry = PlainEntry(key)
        _, looks = self.look([entry])
        return looks[entry]

    def _place(self, key: str, value: Any, expiration: Expiration, *, only_if_absent: bool) -> bool:
        entry = PlainEntry(key, _as_duration(expiration))
        try:
            return self.place(entry, value, only_if_absent=only_if_absent)
        except RedisUnavailable:
            return False

    def _swap(self, key: str, look: Look, number: int, expiration: Expiration) -> bool:
        if not look.is_hit:
            entry = PlainEntry(key, _as_duration(expiration))
            return self.place(entry, number, only_if_absent=True)
        entry = PlainEntry(key, look.time_left)
        return self.replace(self.enter(), look.raw, {entry: number})[entry]


def _as_duration(expiration: Expiration) -> timedelta:
    if expiration is None:
        return CACHE_DURATION_TOKEN
    return expiration if isinstance(expiration, timedelta) else timedelta(seconds=expiration)
