"""Token values that were verified in this process, so that none is parsed and verified twice."""

import threading
from hashlib import sha256
from typing import Any, Final

MOST: Final = 20_000


class VerifiedTokens:
    """What a value proves, by a digest of the whole value; bounded, the oldest is dropped.

    It holds only what follows from the value and our secrets, and so never changes: the claims
    of an access token, the id in an API token or a refresh token. Whether the key is trusted, and
    whether the session or token is still valid, is checked at every use. A value that was refused
    is not remembered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[bytes, Any] = {}

    def get(self, value: str) -> Any:
        """Return what was remembered for a value, or None."""
        return self._known.get(_digest(value))

    def put(self, value: str, proven: Any) -> None:
        """Remember what a value proves."""
        with self._lock:
            self._known[_digest(value)] = proven
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]


def _digest(value: str) -> bytes:
    return sha256(value.encode("utf-8", "surrogatepass")).digest()
