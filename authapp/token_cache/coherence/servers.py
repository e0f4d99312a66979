"""Which Redis servers respond, and whether every process has noticed a change of servers."""

import time
from typing import Final

from authapp.token_cache.redis.client import NotTrusted, RedisClient

_FINGERPRINT_ATTEMPTS: Final = 2


class Servers:
    """The servers that one process is connected to, by their fingerprint."""

    def __init__(self, trust_seconds: float) -> None:
        self._trust_seconds = trust_seconds
        self.known = ""
        """The servers that the last successful check found."""
        self._new, self._new_since = "", 0.0

    def find(self, client: RedisClient, expected: str) -> tuple[str, int]:
        """Return the servers that respond, and the number of connections that were checked.

        If they are unexpected, ask again over new connections: this process may still be connected
        to a server that is no longer the primary.
        """
        servers, connections = _ask(client)
        if expected in ("", servers):
            return servers, connections
        client.reconnect()
        return _ask(client)

    def require_noticed(self, servers: str) -> None:
        """Raise NotTrusted until every process has noticed that the servers have changed.

        The database already names the new servers, but a process that is still connected to the
        previous ones may trust them for up to CACHE_TRUST. Until then, a change that only the new
        servers have received must not be reported.
        """
        if self.known in ("", servers):
            return
        if servers != self._new:
            self._new, self._new_since = servers, time.monotonic()
        if time.monotonic() < self._new_since + self._trust_seconds:
            raise NotTrusted("its servers changed, and other processes may not have noticed yet")


def _ask(client: RedisClient) -> tuple[str, int]:
    """Return the servers' fingerprint, and the number of connections made before it was read.

    The first attempt may open a connection itself, hence the second.
    """
    for _ in range(_FINGERPRINT_ATTEMPTS):
        connections = client.connections
        servers = client.servers()
        if connections == client.connections:
            break
    return servers, connections
