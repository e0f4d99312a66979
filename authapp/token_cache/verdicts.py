"""Remembered results of verifying tokens: a token is verified again when its rows change."""

import threading
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeVar

from authapp import clock
from authapp.token_cache.coherence.reader import Reader
from authapp.token_cache.entries import RowEntry
from authapp.token_cache.records import Record, kind_of

MOST: Final = 20_000

C = TypeVar("C")


class Verdict(NamedTuple):
    """A conclusion, the records that it depends on, and the time at which it expires."""

    conclusion: Any
    entries: tuple[RowEntry, ...]
    records: list[Record]
    ends: datetime | None


class Verdicts:
    """Conclusions by a digest of the whole token; beyond MOST, the oldest is dropped.

    A conclusion is valid while the cache returns the same records that it depends on. After a
    token's session, key or row changes, the next use verifies the token again. Only accepted
    tokens are remembered.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._known: dict[bytes, Verdict] = {}

    def recall(self, value: str, type: type[C]) -> C | None:
        """Return the conclusion of this type about a token, or None if it is no longer valid.

        Raises Unavailable if neither Redis nor the database can confirm it.
        """
        known = self._known.get(_digest(value))
        if known is None or not isinstance(known.conclusion, type):
            return None
        if known.ends is not None and known.ends <= clock.now():
            return None
        if known.records and self._reader.read(known.entries) != known.records:
            return None
        return known.conclusion

    def remember(
        self,
        value: str,
        conclusion: Any,
        records: Sequence[Record] = (),
        *,
        expires_at: datetime | None = None,
    ) -> None:
        """Remember a conclusion until it, or one of the records that it depends on, expires."""
        entries = tuple(RowEntry(kind_of(record), record.id) for record in records)
        times = [expires_at, *(record.expires_at for record in records)]
        ends = min((time for time in times if time is not None), default=None)
        with self._lock:
            self._known[_digest(value)] = Verdict(conclusion, entries, list(records), ends)
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]


def _digest(value: str) -> bytes:
    return sha256(value.encode("utf-8", "surrogatepass")).digest()
