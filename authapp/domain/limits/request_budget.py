"""A budget of anonymous requests that change something, so that no client can tie up the server.

The cache counts them, and a lost count or an unreachable Redis allows the request. Limits that
protect a secret or cost money are counted in the database, by `rate_limits`.
"""

from datetime import timedelta
from typing import Final

from authapp import clock, metrics
from authapp.config import current_settings
from authapp.domain.client import Client
from authapp.errors import TooManyAttempts
from authapp.security.derivation import keyed_digest
from authapp.token_cache import token_cache
from authapp.token_cache.redis.client import RedisUnavailable

WINDOW: Final = timedelta(minutes=1)


def spend(client: Client) -> None:
    """Count a request from a client's network; raises TooManyAttempts beyond REQUEST_BUDGET."""
    budget = current_settings().deployment.request_budget
    if budget == 0:
        return
    window, elapsed = divmod(clock.now().timestamp(), WINDOW.total_seconds())
    try:
        count = token_cache.store.increment(_key(client.network, int(window)), WINDOW)
    except RedisUnavailable:
        return
    if count > budget:
        metrics.LIMITS_REACHED.labels("request_budget").inc()
        raise TooManyAttempts(WINDOW - timedelta(seconds=elapsed))


def _key(network: str, window: int) -> str:
    """Return the key of a window's count, which does not reveal whose requests it counts."""
    secret = current_settings().secrets.secret_key
    return f"request_budget:{keyed_digest(secret, 'request budget', f'{window} {network}').hex()}"
