"""The seed's cache service: Flask-Caching's Redis backend with every value sealed.

It is for values that have no row behind them; rows go through the operations of `token_cache`,
which keep them right. A Redis that is away makes a read a miss and a write False; only removing
must not fail quietly, so what cannot be removed is journaled.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from flask import Flask
from flask_caching.backends.rediscache import RedisCache

from authapp.errors import InputRefused
from authapp.token_cache.keys import family
from authapp.token_cache.parts import Parts
from authapp.token_cache.protocol import Look, Protocol
from authapp.token_cache.records import CACHE_DURATION_TOKEN
from authapp.token_cache.wire import RedisAway

Expiration = timedelta | int | None
_TRIES: Final = 16


@dataclass(frozen=True)
class _Kind:
    name: str


@dataclass(frozen=True)
class PlainEntry:
    """An entry that no row stands behind."""

    key: str
    expiration: timedelta = CACHE_DURATION_TOKEN
    type: Any = Any

    @property
    def kind(self) -> _Kind:
        return _Kind(family(self.key))

    def time_left(self, value: Any) -> timedelta:
        return self.expiration


class SealedRedisCache(RedisCache):
    """Flask-Caching's Redis backend, over the token cache's protocol and seals."""

    def __init__(self, parts: Parts) -> None:
        # Every command goes through the wire; what Flask-Caching would say by itself is overridden.
        super().__init__(host=parts.wire or object(), key_prefix=parts.settings.cache_key_prefix)
        self._parts = parts
        self._writer = parts.writer

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> "SealedRedisCache":
        return cls(app.extensions["token_cache"])

    @property
    def _protocol(self) -> Protocol:
        if self._parts.protocol is None:
            raise RedisAway("no Redis is configured")
        return self._parts.protocol

    def get(self, key: str) -> Any:
        """Return the value, or None for a miss."""
        return self._look(key).value

    def set(self, key: str, value: Any, timeout: Expiration = None) -> bool:
        """Keep a JSON-serialisable value; a fence in the way stays."""
        return self._place(key, value, timeout, only_if_absent=False)

    def set_nx(self, key: str, value: Any, expiration: Expiration = None) -> bool:
        """Keep a value unless the key holds anything; one atomic command."""
        return self._place(key, value, expiration, only_if_absent=True)

    def delete(self, key: str) -> bool:
        """Remove a key, now or, if Redis is away, before Redis is believed again."""
        self._writer.invalidate([key])
        return True

    def delete_pattern(self, pattern: str) -> int:
        """Remove the keys that match a glob, on every primary, and return how many were seen.

        Walks with SCAN in batches, so that no other client waits for long; fences stand.
        """
        return self._writer.invalidate_pattern(pattern)

    def exists(self, key: str) -> bool:
        """Tell whether a key holds a value that opens."""
        return self._look(key).is_hit

    def increment(self, key: str, expiration: Expiration = None) -> int:
        """Add one to a counter and return it; an absent one starts at 1.

        Raises InputRefused for a value that is no number, RedisAway when Redis is.
        """
        for _ in range(_TRIES):
            look = self._look_or_raise(key)
            if look.is_hit and not isinstance(look.value, int):
                raise InputRefused("key", "not_a_number")
            number = look.value + 1 if look.is_hit else 1
            if self._swap(key, look, number, expiration):
                return number
        raise RedisAway("the counter changed every time")

    # Flask-Caching's own names for the same.

    def add(self, key: str, value: Any, timeout: Expiration = None) -> bool:
        return self.set_nx(key, value, timeout)

    def has(self, key: str) -> bool:
        return self.exists(key)

    def inc(self, key: str, delta: int = 1) -> int:
        return [self.increment(key) for _ in range(delta)][-1]

    def dec(self, key: str, delta: int = 1) -> int:
        raise NotImplementedError("counters of the store only count up")

    def get_many(self, *keys: str) -> list[Any]:
        return [self.get(key) for key in keys]

    def set_many(self, mapping: dict[str, Any], timeout: Expiration = None) -> list[Any]:
        return [key for key, value in mapping.items() if self.set(key, value, timeout)]

    def delete_many(self, *keys: str) -> list[str]:
        self._writer.invalidate(list(keys))
        return list(keys)

    def unlink(self, *keys: str) -> list[str]:
        return self.delete_many(*keys)

    def clear(self) -> bool:
        self.delete_pattern("*")
        return True

    def _look(self, key: str) -> Look:
        try:
            return self._look_or_raise(key)
        except RedisAway:
            return Look()

    def _look_or_raise(self, key: str) -> Look:
        entry = PlainEntry(key)
        _, looks = self._protocol.look([entry])
        return looks[entry]

    def _place(self, key: str, value: Any, expiration: Expiration, *, only_if_absent: bool) -> bool:
        entry = PlainEntry(key, _as_duration(expiration))
        try:
            return self._protocol.place(entry, value, only_if_absent=only_if_absent)
        except RedisAway:
            return False

    def _swap(self, key: str, look: Look, number: int, expiration: Expiration) -> bool:
        if not look.is_hit:
            return self._protocol.place(
                PlainEntry(key, _as_duration(expiration)), number, only_if_absent=True
            )
        entry = PlainEntry(key, look.time_left)
        return self._protocol.replace(self._protocol.enter(), look.raw, {entry: number})[entry]


def _as_duration(expiration: Expiration) -> timedelta:
    if expiration is None:
        return CACHE_DURATION_TOKEN
    return expiration if isinstance(expiration, timedelta) else timedelta(seconds=expiration)
