"""Every command that is sent to Redis, and the one error for when it does not answer well."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final, NamedTuple, cast

from redis import Redis
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from authapp.config import Settings
from authapp.config.redis_url import RedisURL
from authapp.token_cache.redis.connection import connect

SCAN_BATCH: Final = 1000

_FAILURES: Final = (
    RedisError,
    RedisClusterException,
    OSError,
    # redis-py raises these when a server, or something that is not one, answers with garbage.
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)


class RedisAway(Exception):
    """Redis did not answer in time, or not as Redis does."""


class NotTrusted(RedisAway):
    """Redis may answer, but there is no way to know now whether its answers are right."""


class Command(NamedTuple):
    """A command on one key; the client puts the prefix before the key."""

    name: str
    key: str
    arguments: tuple[bytes | str | int, ...] = ()


class Script(NamedTuple):
    """A Lua script to run on one key."""

    lua: str
    key: str
    arguments: tuple[bytes | str | int, ...] = ()


class RedisClient:
    """A Redis client with one error, which reads from primaries only.

    `connections` counts the connections ever made: a new one may lead to another server.
    """

    def __init__(self, settings: Settings, url: RedisURL) -> None:
        self.connections = 0
        self._settings = settings
        self._url = url
        self._prefix = settings.cache.key_prefix

    @cached_property
    def client(self) -> Any:
        """The redis-py client, created on first use: a cluster's asks for its shape at once."""
        return connect(self._settings, self._url, self._connected)

    def close(self) -> None:
        """Close every connection."""
        if "client" in self.__dict__:
            self.client.close()

    def _connected(self) -> None:
        self.connections += 1

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return what each key holds, in one round trip; a key of another type holds nothing."""
        names = [self._prefix + key for key in keys]
        with _translated_errors():
            if isinstance(self.client, RedisCluster):
                return cast(list[bytes | None], self.client.mget_nonatomic(names))
            return cast(list[bytes | None], self.client.mget(names))

    def run(
        self, scripts: Sequence[Script], *, then: Sequence[Command] = ()
    ) -> tuple[list[Any], list[Any]]:
        """Run scripts, and commands after all of them; return the answers of each.

        It takes one round trip, or two in a cluster, whose nodes do not wait for each other. Each
        script is a transaction of its own. Raises RedisAway if any failed: the others may or may
        not have run.
        """
        # Not `pipeline.eval`, which redis-py refuses in a cluster.
        first = [("EVAL", lua, 1, self._prefix + key, *rest) for lua, key, rest in scripts]
        last = [(name, self._prefix + key, *rest) for name, key, rest in then]
        if first and last and isinstance(self.client, RedisCluster):
            return self._pipelined(first), self._pipelined(last)
        answers = self._pipelined([*first, *last])
        return answers[: len(first)], answers[len(first) :]

    def place_if_absent(self, key: str, value: bytes, milliseconds: int) -> bool:
        """SET NX with a TTL, in one command."""
        with _translated_errors():
            return bool(self.client.set(self._prefix + key, value, nx=True, px=milliseconds))

    def scan(self, pattern: str) -> Iterator[list[str]]:
        """Walk the keys that match a glob, in batches, over every primary; never KEYS."""
        with _translated_errors():
            for server in self._primaries():
                yield from self._scan_one(server, pattern)

    def information(self, section: str) -> list[dict[str, Any]]:
        """Return INFO of every primary."""
        with _translated_errors():
            return [server.info(section) for server in self._primaries()]

    def servers(self) -> str:
        """Return the fingerprint of the primaries behind this client.

        It names each process and the history of writes that it holds: a primary that was a
        replica in between has another history. Raises RedisAway for a replica that answers in
        its primary's place.
        """
        try:
            with _translated_errors():
                return " ".join(sorted(_fingerprint(each) for each in self._primaries()))
        except RedisAway:
            # Another server may be the primary by now.
            self.reconnect()
            raise

    def reconnect(self) -> None:
        """Close idle connections, and find out again where the primaries are."""
        with _translated_errors():
            if isinstance(self.client, RedisCluster):
                self.client.nodes_manager.initialize()
            for server in self._primaries():
                server.connection_pool.disconnect(inuse_connections=False)

    def _pipelined(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        with _translated_errors(), self.client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception):
                raise RedisAway(_in_one_line(answer)) from answer
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
        raise RedisAway("a replica answers in its primary's place")
    return f"{process['run_id']}:{history['master_replid']}"


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Turn anything that may go wrong with a server into RedisAway."""
    try:
        yield
    except _FAILURES as error:
        raise RedisAway(_in_one_line(error)) from error


def _in_one_line(error: Exception) -> str:
    kind = "refused" if isinstance(error, ResponseError) else type(error).__name__
    return f"{kind}: {error}".splitlines()[0][:200]
