"""The change log: one capped stream of the keys that writers changed, which every process reads.

It tells each process which keys to forget. Without it, no process could answer from memory.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from authapp.token_cache.redis.client import Command, RedisClient

KEY: Final = "token_cache:changes"
KEPT_ENTRIES: Final = 10_000
"""A process that missed more than these forgets everything, so this only limits memory use."""

READ_AT_MOST: Final = 1_000

_FIELD: Final = b"keys"
_MARK: Final = b""


class News(NamedTuple):
    """What changed since a process last read the log.

    `keys` is None if the changed keys are unknown: the process must forget everything.
    """

    position: bytes
    keys: list[str] | None


class ChangeLog:
    """One deployment's log, in one key; in a cluster, on one primary."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    def append(self, keys: Sequence[str]) -> None:
        """Add changed keys, in one round trip; raises RedisUnavailable."""
        self._client.run((), then=[addition(keys)])

    def read_after(self, position: bytes) -> News:
        """Return the keys that were logged after the entry at `position`.

        That entry is read too: if it is missing, the log was trimmed, flushed or replaced, and the
        changed keys are unknown. Raises RedisUnavailable.
        """
        if not position:
            return self._restart_at_end()
        read = Command("XRANGE", KEY, (position, "+", "COUNT", READ_AT_MOST))
        _, [entries] = self._client.run((), then=[read])
        is_whole = entries and entries[0][0] == position and len(entries) < READ_AT_MOST
        if not is_whole:
            return self._restart_at_end()
        keys = [key for _, fields in entries[1:] for key in _keys_of(fields)]
        return News(entries[-1][0], keys)

    def _restart_at_end(self) -> News:
        """Restart at the last entry; an empty log gets one first, so that its loss is noticed."""
        _, [last] = self._client.run((), then=[Command("XREVRANGE", KEY, ("+", "-", "COUNT", 1))])
        if last:
            return News(last[0][0], None)
        _, [position] = self._client.run((), then=[addition([])])
        return News(position, None)


def addition(keys: Sequence[str]) -> Command:
    """Return the command that adds keys to the log."""
    joined = "\n".join(keys).encode() or _MARK
    return Command("XADD", KEY, ("MAXLEN", "~", KEPT_ENTRIES, "*", _FIELD, joined))


def _keys_of(fields: Mapping[bytes, bytes]) -> list[str]:
    """Return an entry's keys; an entry that authapp did not write has none."""
    joined = fields.get(_FIELD, _MARK).decode("utf-8", "replace")
    return joined.split("\n") if joined else []
