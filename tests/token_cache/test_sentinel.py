"""A primary watched by Sentinel: found by name, followed through a failover, never a replica."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from authapp.domain import sessions
from authapp.domain.client import Client
from authapp.errors import TokenRevoked
from authapp.models import User
from authapp.services.sign_out import sign_out
from authapp.token_cache import token_cache
from authapp.token_cache.counters import Event
from tests.support.accounts import start_session
from tests.support.applications import HURRIED
from tests.support.on_sqlite import on_sqlite
from tests.support.redis import SentinelGroup
from tests.support.servers import RedisServer
from tests.support.waiting import PATIENCE_SECONDS, wait_until
from tests.token_cache.rows import add_session

pytestmark = on_sqlite
ORIGIN = Client("192.0.2.1", "a browser")


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, **HURRIED}


@pytest.fixture
def group() -> Iterator[SentinelGroup]:
    group = SentinelGroup()
    yield group
    group.close()


def commands_of(server: RedisServer, name: str) -> int:
    with server.client as client:
        return int(client.info("commandstats").get(f"cmdstat_{name}", {}).get("calls", 0))


def test_only_the_primary_is_read_and_what_it_holds_is_everywhere(
    make_app: Callable[..., Flask], user: User, group: SentinelGroup
) -> None:
    app = make_app(REDIS_URL=group.url, CACHE_LOCAL_TRUST="0")
    with app.app_context():
        ids = [add_session(user.id).id for _ in range(5)]
        for id in ids * 3:
            assert token_cache.get_refresh_token_by_id(id)
        assert token_cache.store.delete_pattern("refresh_token:*") == 5
        for id in ids:
            token_cache.get_refresh_token_by_id(id)
        assert token_cache.statistics().connected
        assert token_cache.flush() >= 5

    assert commands_of(group.primary, "mget") >= 15
    assert commands_of(group.replica, "mget") == 0
    assert commands_of(group.replica, "get") == 0


def wait_until_trusted(app: Flask) -> None:
    """Wait for CACHE_TRUST, in which every process notices that other servers answer."""
    trust = app.extensions["token_cache"].backend.trust
    wait_until(lambda: trust.enter() is not None, "Redis is not trusted again")


@pytest.mark.parametrize("fault", [RedisServer.kill, RedisServer.freeze])
def test_failover_is_followed_and_raises_the_epoch(
    make_app: Callable[..., Flask],
    user: User,
    group: SentinelGroup,
    fault: Callable[[RedisServer], None],
) -> None:
    app, other = (make_app(REDIS_URL=group.url) for _ in range(2))
    parts = app.extensions["token_cache"]
    with app.app_context():
        revoked = start_session(user.id, remember=False, client=ORIGIN)
        kept = start_session(user.id, remember=False, client=ORIGIN)
        epoch = parts.database.state().epoch
    for process in (app, other):
        with process.app_context():
            sessions.authenticate(revoked.access_token)
            sessions.authenticate(kept.access_token)

    fault(group.primary)
    with app.app_context():
        sign_out(revoked.identity, client=ORIGIN)
        assert sessions.authenticate(kept.access_token)
    with other.app_context(), pytest.raises(TokenRevoked):
        sessions.authenticate(revoked.access_token)
    group.wait_for_failover()
    group.primary.revive()

    for process in (app, other):
        breaker = process.extensions["token_cache"].backend.trust.breaker
        with process.app_context():
            for _ in range(3):
                assert sessions.authenticate(kept.access_token)
                with pytest.raises(TokenRevoked):
                    sessions.authenticate(revoked.access_token)
            assert breaker.wait_until_closed(PATIENCE_SECONDS)
            wait_until_trusted(process)
            sessions.authenticate(kept.access_token)
            counters = process.extensions["token_cache"].counters
            hits = counters.counted(Event.HIT, Event.RECALL)
            sessions.authenticate(kept.access_token)
            assert counters.counted(Event.HIT, Event.RECALL) == hits + 2
    assert parts.database.state().epoch > epoch
    assert parts.database.journal_depth() == 0
    assert group.replica.client.dbsize() > 0


def test_replica_in_place_of_the_primary_is_not_trusted(
    make_app: Callable[..., Flask], user: User, group: SentinelGroup
) -> None:
    """REDIS_URL may name one by mistake, or a name may lead to it."""
    right, wrong = make_app(REDIS_URL=group.primary.url), make_app(REDIS_URL=group.replica.url)
    with right.app_context():
        signed_in = start_session(user.id, remember=False, client=ORIGIN)
        sessions.authenticate(signed_in.access_token)
    with wrong.app_context():
        sessions.authenticate(signed_in.access_token)
    with right.app_context():
        sign_out(signed_in.identity, client=ORIGIN)

    with wrong.app_context(), pytest.raises(TokenRevoked):
        sessions.authenticate(signed_in.access_token)
    assert wrong.extensions["token_cache"].counters.counted(Event.HIT, Event.RECALL) == 0


def test_without_a_sentinel_reads_use_the_database(
    make_app: Callable[..., Flask], user: User, group: SentinelGroup
) -> None:
    group.sentinel.kill()
    with make_app(REDIS_URL=group.url).app_context():
        session_id = add_session(user.id).id

        assert token_cache.get_refresh_token_by_id(session_id)
        assert not token_cache.statistics().connected
