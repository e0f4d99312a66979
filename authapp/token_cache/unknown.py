"""Ids that do not exist, remembered for seconds so that asking again costs nothing."""

import threading
from typing import Final

from cachetools import TTLCache

KEPT_SECONDS: Final = 5
MOST: Final = 10_000


class UnknownKeys:
    """A bounded memory of keys that the database did not have."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: TTLCache[str, None] = TTLCache(MOST, KEPT_SECONDS)

    def remember(self, key: str) -> None:
        with self._lock:
            self._keys[key] = None

    def forget(self, key: str) -> None:
        with self._lock:
            self._keys.pop(key, None)

    def __len__(self) -> int:
        with self._lock:
            return len(self._keys)

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key in self._keys
