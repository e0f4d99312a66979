"""Three primaries: every operation across all of them, and the loss of one."""

from collections.abc import Callable, Iterator
from pathlib import Path

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
from tests.support.redis import Cluster
from tests.support.waiting import PATIENCE_SECONDS

# Every test of the operations, on the cluster in place of the single server.
from tests.token_cache.operations import *  # noqa: F403
from tests.token_cache.operations import pytestmark as _context
from tests.token_cache.rows import add_session

ORIGIN = Client("192.0.2.1", "a browser")
pytestmark = [_context, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster().start()
    yield cluster
    cluster.close()


@pytest.fixture
def redis_server(cluster: Cluster) -> Cluster:
    cluster.heal()
    return cluster


def fill(user: User) -> list[str]:
    """Cache some sessions and return their keys, which are spread over every primary."""
    rows = [add_session(user.id) for _ in range(24)]
    for row in rows:
        token_cache.get_refresh_token_by_id(row.id)
    return [f"refresh_token:{row.id}" for row in rows]


def held_by_each(cluster: Cluster) -> list[int]:
    """Return how many values each primary holds, except the change log."""
    return [len(list(node.client.scan_iter(_type="string"))) for node in cluster.primaries]


def test_pattern_is_deleted_from_every_primary(user: User, redis_server: Cluster) -> None:
    names = fill(user)
    assert all(held_by_each(redis_server))

    seen = token_cache.store.delete_pattern("refresh_token:*")

    assert seen == len(names)
    with redis_server.client as client:
        assert list(client.scan_iter("refresh_token:*")) == []


def test_flush_empties_every_primary(user: User, redis_server: Cluster) -> None:
    fill(user)

    assert token_cache.flush() >= 24
    assert held_by_each(redis_server) == [0, 0, 0]


def test_statistics_and_check_cover_every_primary(user: User, redis_server: Cluster) -> None:
    fill(user)

    found = token_cache.statistics()
    checked = list(token_cache.check())

    assert found.connected
    assert len(found.memory) == 3
    assert sum(each.compared for each in checked) >= 24
    assert not any(each.differing for each in checked)


def test_backup_and_restore_cover_every_primary(
    user: User, redis_server: Cluster, tmp_path: Path
) -> None:
    names = fill(user)
    written = token_cache.backup(tmp_path / "backup")
    redis_server.heal()

    done = list(token_cache.restore(tmp_path / "backup"))

    assert written >= len(names)
    assert sum(read for read, _ in done) == written
    assert sum(filled for _, filled in done) == written
    assert all(held_by_each(redis_server))


def test_list_spread_over_all_primaries_is_read_from_the_cache(
    app: Flask, user: User, redis_server: Cluster
) -> None:
    fill(user)
    listed = token_cache.get_refresh_tokens_by_user(user.id)
    before = app.extensions["token_cache"].counters.counted(Event.DATABASE)

    assert token_cache.get_refresh_tokens_by_user(user.id) == listed
    assert len(listed) == 24
    assert app.extensions["token_cache"].counters.counted(Event.DATABASE) == before


@pytest.fixture
def frail() -> Iterator[Cluster]:
    """A cluster that the test may damage."""
    cluster = Cluster().start()
    yield cluster
    cluster.close()


def test_reads_survive_a_dead_primary_and_its_replica_takes_over(
    make_app: Callable[..., Flask], user: User, frail: Cluster
) -> None:
    app = make_app(REDIS_URL=frail.url)
    parts = app.extensions["token_cache"]
    with app.app_context():
        signed_in = [start_session(user.id, remember=False, client=ORIGIN) for _ in range(12)]
        for each in signed_in:
            sessions.authenticate(each.access_token)
        epoch = parts.database.state().epoch

        frail.primaries[0].kill()
        sign_out(signed_in[0].identity, client=ORIGIN)
        for each in signed_in[1:]:
            sessions.authenticate(each.access_token)
        with pytest.raises(TokenRevoked):
            sessions.authenticate(signed_in[0].access_token)

        frail.take_over()
        assert parts.backend.trust.breaker.wait_until_closed(PATIENCE_SECONDS)
        for each in signed_in[1:] * 2:
            sessions.authenticate(each.access_token)
        with pytest.raises(TokenRevoked):
            sessions.authenticate(signed_in[0].access_token)
        assert parts.database.state().epoch > epoch
        assert parts.database.journal_depth() == 0
        hits = parts.counters.counted(Event.HIT, Event.RECALL)
        sessions.authenticate(signed_in[1].access_token)
        assert parts.counters.counted(Event.HIT, Event.RECALL) == hits + 2
