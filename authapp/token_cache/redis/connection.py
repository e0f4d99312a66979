"""Clients for one server, for Sentinel and for Cluster, with timeouts that suit a request."""

from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import ConnectionPool, SSLConnection
from redis.retry import Retry
from redis.sentinel import Sentinel

from authapp.config import Settings
from authapp.config.redis_url import Form, RedisURL


def connect(settings: Settings, url: RedisURL, connected: Callable[[], None]) -> Any:
    """Return a client that calls `connected` at every new connection to a primary.

    redis-py's default timeout of 5 seconds and ten retries would block a request for a minute.
    The breaker decides when to try again.
    """
    bounds: dict[str, Any] = {
        "socket_timeout": settings.cache.timeout.total_seconds(),
        "socket_connect_timeout": settings.cache.connect_timeout.total_seconds(),
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # sends no HELLO when it connects
    }

    def on_connect(connection: Any) -> None:
        connected()
        connection.on_connect()

    if url.form is Form.CLUSTER:
        # The cluster client runs its own `on_connect` and then this.
        return _cluster(url, {**bounds, "redis_connect_func": lambda _: connected()})
    if url.form is Form.SENTINEL:
        return _sentinel(url, bounds, on_connect)
    where = dict(zip(("host", "port"), url.hosts[0], strict=True)) if url.hosts else {}
    pool = ConnectionPool(redis_connect_func=on_connect, **{**bounds, **url.options, **where})
    return Redis.from_pool(pool)


def _cluster(url: RedisURL, bounds: dict[str, Any]) -> "RedisCluster[bytes]":
    nodes = [ClusterNode(*host) for host in url.hosts]
    return RedisCluster(startup_nodes=nodes, **{**bounds, **_with_tls(url.options)})


def _sentinel(url: RedisURL, bounds: dict[str, Any], on_connect: Callable[[Any], None]) -> Any:
    """Return a client that asks the Sentinels for the primary at each new connection."""
    options = _with_tls(url.options)
    tls = {name: value for name, value in options.items() if name.startswith("ssl")}
    to_sentinels = {**bounds, **tls, **url.sentinel_options}
    sentinel = Sentinel(url.hosts, sentinel_kwargs=to_sentinels, **{**bounds, **options})
    return sentinel.master_for(url.primary, redis_connect_func=on_connect)


def _with_tls(options: dict[str, Any]) -> dict[str, Any]:
    """Replace a TLS connection class with `ssl`, which clients of several servers expect."""
    others = {name: value for name, value in options.items() if name != "connection_class"}
    return {**others, "ssl": True} if options.get("connection_class") is SSLConnection else others
