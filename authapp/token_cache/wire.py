"""Every word that is spoken with Redis, and the one error for when it does not answer well."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final, NamedTuple, cast

from redis import Redis
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from authapp.config import Settings
from authapp.redis_url import RedisURL
from authapp.token_cache.connection import connect

log = logging.getLogger(__name__)

SCAN_BATCH: Final = 1000

_FAILURES: Final = (
    RedisError,
    RedisClusterException,
    OSError,
    # What redis-py lets escape when a server, or something that is none, answers with garbage.
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)


class RedisAway(Exception):
    """Redis did not answer in time, or not as Redis does."""


class NotBelieved(RedisAway):
    """Redis may answer, but nobody can tell now whether its answers are right."""


class Step(NamedTuple):
    """One script to run on one key."""

    script: str
    key: str
    arguments: tuple[bytes | str | int, ...] = ()


class Wire:
    """A Redis client that knows one error, runs single-key steps, and reads primaries only.

    `connections` counts the connections that were ever made: another one may lead to another
    server.
    """

    def __init__(self, settings: Settings, url: RedisURL) -> None:
        self.connections = 0
        self._settings = settings
        self._url = url
        self._prefix = settings.cache_key_prefix

    @cached_property
    def client(self) -> Any:
        """The client; a cluster's asks for the cluster's shape at once, so it is made late."""
        return connect(self._settings, self._url, self._connected)

    def close(self) -> None:
        """Let every connection go."""
        if "client" in self.__dict__:
            self.client.close()

    def _connected(self) -> None:
        self.connections += 1

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return what each key holds, in one round trip; a key of another type holds nothing."""
        names = [self._prefix + key for key in keys]
        with _speaking():
            if isinstance(self.client, RedisCluster):
                return cast(list[bytes | None], self.client.mget_nonatomic(names))
            return cast(list[bytes | None], self.client.mget(names))

    def run(self, steps: Sequence[Step]) -> list[Any]:
        """Run the steps in one round trip and return their answers.

        Each step is a transaction of its own. Raises RedisAway if any of them failed: the others
        may or may not have run.
        """
        with _speaking(), self.client.pipeline(transaction=False) as pipeline:
            for script, key, arguments in steps:
                # Not `.eval`, which redis-py refuses in a cluster's pipeline.
                pipeline.execute_command("EVAL", script, 1, self._prefix + key, *arguments)
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception):
                raise RedisAway(_in_one_line(answer)) from answer
        return answers

    def place_if_absent(self, key: str, value: bytes, milliseconds: int) -> bool:
        """SET NX with a TTL, in one command."""
        with _speaking():
            return bool(self.client.set(self._prefix + key, value, nx=True, px=milliseconds))

    def scan(self, pattern: str) -> Iterator[list[str]]:
        """Walk the keys that match a glob, in batches, over every primary; never KEYS."""
        with _speaking():
            for server in self._primaries():
                yield from self._scan_one(server, pattern)

    def information(self, section: str) -> list[dict[str, Any]]:
        """Return INFO of every primary."""
        with _speaking():
            return [server.info(section) for server in self._primaries()]

    def servers(self) -> str:
        """Return the fingerprint of the primaries behind this client.

        Which process each is, and which history of writes it holds: a primary that was a replica
        meanwhile holds another. Raises RedisAway for a replica that answers in a primary's place.
        """
        try:
            with _speaking():
                return " ".join(sorted(_fingerprint(each) for each in self._primaries()))
        except RedisAway:
            # The primary may be another one by now.
            self.reconnect()
            raise

    def reconnect(self) -> None:
        """Let idle connections go, and find out anew where the primaries are."""
        with _speaking():
            if isinstance(self.client, RedisCluster):
                self.client.nodes_manager.initialize()
            for server in self._primaries():
                server.connection_pool.disconnect(inuse_connections=False)

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
def _speaking() -> Iterator[None]:
    """Turn whatever may go wrong with a server into RedisAway."""
    try:
        yield
    except _FAILURES as error:
        raise RedisAway(_in_one_line(error)) from error


def _in_one_line(error: Exception) -> str:
    kind = "refused" if isinstance(error, ResponseError) else type(error).__name__
    return f"{kind}: {error}".splitlines()[0][:200]
