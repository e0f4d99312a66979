"""Whether Redis can be used, as `/readyz` reports it."""

from typing import Final

from authapp.token_cache.assembly import Assembly
from authapp.token_cache.redis.client import REFUSED, RedisUnavailable

OK: Final = "ok"
NOT_CONFIGURED: Final = "not configured"
UNREACHABLE: Final = "unreachable"
REFUSES_WRITES: Final = "refuses writes"

_KEY: Final = "readiness"
_MILLISECONDS: Final = 1000


def redis_state(assembly: Assembly) -> str:
    """Return whether Redis accepts a change; it may be full, or a replica."""
    client = assembly.backend.client
    if client is None:
        return NOT_CONFIGURED
    try:
        client.set_if_absent(_KEY, b"", _MILLISECONDS)
    except RedisUnavailable as error:
        return REFUSES_WRITES if str(error).startswith(REFUSED) else UNREACHABLE
    return OK
