"""Clients for one server, for Sentinel and for Cluster, with bounds that a request can bear."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

from authapp.config import Settings

SENTINEL: Final = "redis+sentinel"
CLUSTER: Final = "redis+cluster"


def connect(settings: Settings, connected: Callable[[], None]) -> Any:
    """Return a client for REDIS_URL, which calls `connected` at every new connection.

    redis-py's own bounds are 5 seconds and ten retries, which hang a request for a minute; the
    breaker is what decides when to try again.
    """
    bounds: dict[str, Any] = {
        "socket_timeout": settings.cache_timeout.total_seconds(),
        "socket_connect_timeout": settings.cache_connect_timeout.total_seconds(),
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
    }

    def on_connect(connection: Any) -> None:
        connected()
        connection.on_connect()

    url = settings.redis_url
    scheme = urlsplit(url).scheme
    if scheme == SENTINEL:
        return _sentinel(url, {**bounds, "redis_connect_func": on_connect})
    if scheme == CLUSTER:
        # The cluster client runs its own `on_connect` and then this.
        bounds |= {"redis_connect_func": lambda _: connected(), "cluster_error_retry_attempts": 1}
        return RedisCluster.from_url("redis" + url.removeprefix(CLUSTER), **bounds)
    return redis.Redis.from_url(url, redis_connect_func=on_connect, **bounds)


def _sentinel(url: str, bounds: dict[str, Any]) -> Any:
    """Return the client of the primary that `redis+sentinel://host:port,host:port/name` elects."""
    parts = urlsplit(url)
    userinfo, _, hosts = parts.netloc.rpartition("@")
    password = userinfo.partition(":")[2] or None
    addresses = [_address(host) for host in hosts.split(",")]
    options = dict(parse_qsl(parts.query))
    to_sentinels = {name: bounds[name] for name in ("socket_timeout", "socket_connect_timeout")}
    sentinel = Sentinel(addresses, sentinel_kwargs=to_sentinels, password=password, **bounds)
    return sentinel.master_for(parts.path.strip("/") or "mymaster", db=int(options.get("db", "0")))


def _address(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    return (name, int(port)) if name else (host, 26379)
