"""A value in use that is about to expire is refreshed before any request has to wait for it."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from authapp.models import User, db
from authapp.token_cache import token_cache
from authapp.token_cache.counters import Event
from tests.support.servers import RedisServer
from tests.token_cache.rows import add_link, add_session


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application without a local tier: values are refreshed when Redis is read."""
    return make_app(CACHE_LOCAL_TRUST="0")


@pytest.fixture
def eager(app: Flask) -> Iterator[Flask]:
    """An application whose recorded load time is so long that every value is due for a refresh."""
    app.extensions["token_cache"].reader._load_seconds = 1e9
    with app.app_context():
        yield app


def count(app: Flask, event: str) -> int:
    return app.extensions["token_cache"].counters.counted(event)


def test_value_in_use_is_refreshed_without_a_miss(
    app: Flask, user: User, redis_server: RedisServer
) -> None:
    with app.app_context():
        id = add_session(user.id, hours=100).id
        token_cache.get_refresh_token_by_id(id)
        misses = count(app, Event.MISS)
        redis_server.client.pexpire(f"refresh_token:{id}", 60_000)
        app.extensions["token_cache"].reader._load_seconds = 1e9

        assert token_cache.get_refresh_token_by_id(id)

    assert count(app, Event.REFRESH) == 1
    assert count(app, Event.MISS) == misses
    assert redis_server.client.pttl(f"refresh_token:{id}") > 3_500_000


def test_value_far_from_expiry_is_not_refreshed(app: Flask, user: User) -> None:
    with app.app_context():
        id = add_session(user.id, hours=100).id
        for _ in range(200):
            token_cache.get_refresh_token_by_id(id)

    assert count(app, Event.REFRESH) == 0


def test_value_that_expires_with_its_row_is_not_refreshed(eager: Flask, user: User) -> None:
    link_id = add_link(user.id, minutes=30)[0].id

    for _ in range(3):
        assert token_cache.get_verification_token_by_id(link_id)

    assert count(eager, Event.REFRESH) == 0


def test_failed_refresh_still_returns_the_cached_value(
    eager: Flask, user: User, lose_database: Callable[[], None]
) -> None:
    session_id = add_session(user.id, hours=100).id
    assert token_cache.get_refresh_token_by_id(session_id)
    refreshed = count(eager, Event.REFRESH)
    db.session.remove()
    lose_database()
    eager.extensions["token_cache"].reader._load_seconds = 1e9

    for _ in range(3):
        assert token_cache.get_refresh_token_by_id(session_id)

    assert count(eager, Event.REFRESH) == refreshed
