"""The names that tests/bench imports from here; they belong to tests/support/servers.py."""

from tests.support.servers import (  # noqa: F401
    READY_SECONDS,
    AppServer,
    PostgresServer,
    RedisServer,
    free_port,
)
