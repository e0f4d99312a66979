"""What tokens were found to prove, so that a token is verified again only when its rows change."""

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
    """A conclusion, the records that it was drawn from, and the time from which it is void."""

    conclusion: Any
    entries: tuple[RowEntry, ...]
    records: list[Record]
    ends: datetime | None


class Verdicts:
    """Conclusions by a digest of the whole token; bounded, the oldest is dropped.

    A conclusion holds for as long as the cache returns the very records it was drawn from, so the
    next use of a token whose session, key or row has changed verifies it again. Only what was
    accepted is remembered.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._known: dict[bytes, Verdict] = {}

    def recall(self, value: str, type: type[C]) -> C | None:
        """Return the conclusion of this type about a token if it still holds, else None.

        Raises Unavailable when nothing can say whether it holds.
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
        """Remember a conclusion until it, or one of the records it was drawn from, expires."""
        entries = tuple(RowEntry(kind_of(record), record.id) for record in records)
        times = [expires_at, *(record.expires_at for record in records)]
        ends = min((time for time in times if time is not None), default=None)
        with self._lock:
            self._known[_digest(value)] = Verdict(conclusion, entries, list(records), ends)
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]


def _digest(value: str) -> bytes:
    return sha256(value.encode("utf-8", "surrogatepass")).digest()
