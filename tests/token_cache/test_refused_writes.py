"""Redis that answers but accepts no writes is told in the log, the statistics and the metrics."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from authapp.models import User
from authapp.token_cache import token_cache
from tests.support.on_sqlite import on_sqlite
from tests.support.servers import RedisServer
from tests.token_cache.rows import add_session

pytestmark = on_sqlite


@pytest.fixture
def full_redis(redis_server: RedisServer) -> Iterator[RedisServer]:
    """A server that is out of memory when the test has filled it."""
    yield redis_server
    with redis_server.client as client:
        client.config_set("maxmemory", "0")


def fill(server: RedisServer, limit: str = "1") -> None:
    with server.client as client:
        client.config_set("maxmemory", limit)


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if "writes" in each.getMessage()]


def test_an_outage_is_logged_when_it_begins_and_when_it_ends(
    make_app: Callable[..., Flask],
    user: User,
    full_redis: RedisServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = make_app()
    with app.app_context():
        token_cache.get_refresh_token_by_id(add_session(user.id).id)
        fill(full_redis)
        for _ in range(3):
            add_session(user.id)
        told = events(caplog)
        fill(full_redis, "0")
        is_back = app.extensions["token_cache"].backend.trust.breaker.wait_until_closed
        assert is_back(10)
        token_cache.get_refresh_token_by_id(add_session(user.id).id)

    assert told == ["redis_refuses_writes"]
    assert events(caplog) == ["redis_refuses_writes", "redis_accepts_writes"]


def test_the_statistics_say_so(app: Flask, full_redis: RedisServer) -> None:
    stats = ["cache", "stats"]
    before = app.test_cli_runner().invoke(args=stats).output
    fill(full_redis)
    after = app.test_cli_runner().invoke(args=stats).output

    assert before.startswith("Redis       connected, breaker closed")
    assert after.startswith("Redis       connected, but refuses writes")
