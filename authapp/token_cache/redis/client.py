"""All Redis commands; every failure raises RedisUnavailable."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final, NamedTuple, cast

from redis import Redis
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from authapp.config import Settings
from authapp.config.redis_url import RedisURL
from authapp.token_cache.redis.connection import connect

SCAN_BATCH: Final = 1000

_TIMEOUTS: Final = (RedisTimeout, TimeoutError)
_FAILURES: Final = (
    RedisError,
    RedisClusterException,
    OSError,
    # redis-py raises these if the server, or something that is not Redis, sends garbage.
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)


_NO_WRITES: Final = re.compile("OutOfMemoryError|ReadOnlyError|OOM|MISCONF|NOREPLICAS|READONLY")
"""In the class or the message of an error; messages of scripts contain those of their commands."""


class RedisUnavailable(Exception):
    """Redis did not respond in time, or its response was an error or invalid."""


class RedisSilent(RedisUnavailable):
    """Redis did not respond in time, so the caller has already waited."""


class WritesRefused(RedisUnavailable):
    """Redis responds, but accepts no writes: it is out of memory, or read-only."""


class NotTrusted(RedisUnavailable):
    """Redis may respond, but its responses cannot be trusted now."""


class Command(NamedTuple):
    """A command on one key, to which the client adds the prefix."""

    name: str
    key: str
    arguments: tuple[bytes | str | int, ...] = ()


class Script(NamedTuple):
    """A Lua script to run on one key."""

    lua: str
    key: str
    arguments: tuple[bytes | str | int, ...] = ()


class RedisClient:
    """A Redis client that reads from primaries only; every failure raises RedisUnavailable.

    `connections` counts all connections made so far: a new one may lead to another server.
    """

    def __init__(self, settings: Settings, url: RedisURL) -> None:
        self.connections = 0
        self._settings = settings
        self._url = url
        self._prefix = settings.cache.key_prefix

    @cached_property
    def client(self) -> Any:
        """The redis-py client, created on first use: a cluster's queries its topology at once."""
        return connect(self._settings, self._url, self._connected)

    def close(self) -> None:
        """Close every connection."""
        if "client" in self.__dict__:
            self.client.close()

    def _connected(self) -> None:
        self.connections += 1

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return what each key holds, in one round trip; None for a key of another type."""
        names = [self._prefix + key for key in keys]
        with _translated_errors():
            if isinstance(self.client, RedisCluster):
                return cast(list[bytes | None], self.client.mget_nonatomic(names))
            return cast(list[bytes | None], self.client.mget(names))

    def run(
        self, scripts: Sequence[Script], *, then: Sequence[Command] = ()
    ) -> tuple[list[Any], list[Any]]:
        """Run scripts, then commands; return the responses to both.

        This takes one round trip, or two in a cluster, whose nodes do not wait for each other. Each
        script is its own transaction. Raises RedisUnavailable if any failed: the others may have
        run or not.
        """
        # Not `pipeline.eval`, which redis-py rejects in a cluster.
        first = [("EVAL", lua, 1, self._prefix + key, *rest) for lua, key, rest in scripts]
        last = [(name, self._prefix + key, *rest) for name, key, rest in then]
        if first and last and isinstance(self.client, RedisCluster):
            return self._sent(first), self._sent(last)
        answers = self._sent([*first, *last])
        return answers[: len(first)], answers[len(first) :]

    def set_if_absent(self, key: str, value: bytes, milliseconds: int) -> bool:
        """Run SET NX with a TTL; return whether the value was stored."""
        with _translated_errors():
            return bool(self.client.set(self._prefix + key, value, nx=True, px=milliseconds))

    def scan(self, pattern: str) -> Iterator[list[str]]:
        """Yield the keys on every primary that match a glob, in batches; never uses KEYS."""
        with _translated_errors():
            for server in self._primaries():
                yield from self._scan_one(server, pattern)

    def information(self, section: str) -> list[dict[str, Any]]:
        """Return a section of INFO from every primary."""
        with _translated_errors():
            return [server.info(section) for server in self._primaries()]

    def servers(self) -> str:
        """Return the fingerprint of the primaries behind this client.

        It contains each primary's run id, and its replication id, which changes when a replica is
        promoted. Raises RedisUnavailable if a replica responds in place of its primary.
        """
        try:
            with _translated_errors():
                return " ".join(sorted(_fingerprint(each) for each in self._primaries()))
        except RedisUnavailable:
            # Another server may be the primary by now.
            self.reconnect()
            raise

    def reconnect(self) -> None:
        """Close idle connections, and look up the primaries again."""
        with _translated_errors():
            if isinstance(self.client, RedisCluster):
                self.client.nodes_manager.initialize()
            for server in self._primaries():
                server.connection_pool.disconnect(inuse_connections=False)

    def _sent(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        if len(commands) == 1:
            with _translated_errors():
                return [self.client.execute_command(*commands[0])]
        with _translated_errors(), self.client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception):
                raise _failure(answer) from answer
        return answers

    def _primaries(self) -> Iterable[Any]:
        if not isinstance(self.client, RedisCluster):
            return [self.client]
        return [self.client.get_redis_connection(node) for node in self.client.get_primaries()]

    def _scan_one(self, server: "Redis[bytes]", pattern: str) -> Iterator[list[str]]:
        cursor = 0
        while True:
            cursor, found = server.scan(cursor, match=self._prefix + pattern, count=SCAN_BATCH)
            if found:
                cut = len(self._prefix)
                yield [name.decode("utf-8", "surrogateescape")[cut:] for name in found]
            if cursor == 0:
                return


def _fingerprint(server: "Redis[bytes]") -> str:
    with server.pipeline(transaction=False) as pipeline:
        process, history = pipeline.info("server").info("replication").execute()
    if history["role"] != "master":
        raise RedisUnavailable("a replica responds in place of its primary")
    return f"{process['run_id']}:{history['master_replid']}"


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Convert every failure of a server to RedisUnavailable."""
    try:
        yield
    except _TIMEOUTS as error:
        raise RedisSilent(_in_one_line(error)) from error
    except _FAILURES as error:
        raise _failure(error) from error


def _failure(error: Exception) -> RedisUnavailable:
    refuses_writes = _NO_WRITES.search(f"{type(error).__name__} {error}")
    return (WritesRefused if refuses_writes else RedisUnavailable)(_in_one_line(error))


def _in_one_line(error: Exception) -> str:
    kind = "refused" if isinstance(error, ResponseError) else type(error).__name__
    return f"{kind}: {error}".splitlines()[0][:200]
