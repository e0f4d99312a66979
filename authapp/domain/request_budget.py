"""A budget of anonymous requests that change something, so that no client can tie up the server.

The cache counts them, and a lost count or an unreachable Redis allows the request. Limits that
protect a secret or cost money are counted in the database, by `rate_limits`.
"""

from datetime import timedelta
from typing import Final

from authapp import clock
from authapp.config import current_settings
from authapp.domain import rate_limits
from authapp.domain.client import Client
from authapp.errors import TooManyAttempts
from authapp.token_cache import token_cache
from authapp.token_cache.redis.client import RedisAway

WINDOW: Final = timedelta(minutes=1)


def spend(client: Client) -> None:
    """Count a request from a client's network; raises TooManyAttempts beyond REQUEST_BUDGET."""
    budget = current_settings().deployment.request_budget
    if budget == 0:
        return
    number, elapsed = divmod(clock.now().timestamp(), WINDOW.total_seconds())
    key = f"request_budget:{rate_limits.digest_of(client.network).hex()}:{number:.0f}"
    try:
        count = token_cache.store.increment(key, WINDOW)
    except RedisAway:
        return
    if count > budget:
        raise TooManyAttempts(WINDOW - timedelta(seconds=elapsed))
