"""Many cold readers cause one fill, and never use more database connections than loaders."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import event

from authapp.errors import Unavailable
from authapp.models import User
from authapp.token_cache import token_cache
from authapp.token_cache.coherence.local_tier import Memory, Remembered
from authapp.token_cache.counters import Event
from tests.support.servers import RedisServer
from tests.token_cache.rows import add_session
from tests.token_cache.schedules import Actor, stepping

PROCESSES = 3
THREADS = 8
SELDOM_CHECKED = {"CACHE_TRUST": "5000"}


def read_at_once(apps: list[Flask], ids: list[UUID]) -> list[Any]:
    """Have every thread of every process read at the same time."""
    together = threading.Barrier(len(apps) * THREADS)

    def read(app: Flask, number: int) -> Any:
        with app.app_context():
            together.wait()
            return token_cache.get_refresh_token_by_id(ids[number % len(ids)])

    with ThreadPoolExecutor(len(apps) * THREADS) as pool:
        jobs = [pool.submit(read, app, number) for app in apps for number in range(THREADS)]
        return [job.result() for job in jobs]


def fills(apps: list[Flask]) -> int:
    """Return how many values these processes filled."""
    return sum(app.extensions["token_cache"].counters.counted(Event.FILL) for app in apps)


def test_cold_key_is_filled_once_across_all_processes(
    make_app: Callable[..., Flask], user: User
) -> None:
    apps = [make_app(**SELDOM_CHECKED) for _ in range(PROCESSES)]
    with apps[0].app_context():
        id = add_session(user.id).id
        # Every thread has its connection by then.
        read_at_once(apps, [id])
        token_cache.invalidate_refresh_token(id)
    before = fills(apps)

    records = read_at_once(apps, [id])

    assert all(record.id == id for record in records)
    assert fills(apps) == before + 1


def test_connection_opened_by_another_thread_does_not_lose_the_lease(
    make_app: Callable[..., Flask], user: User
) -> None:
    """A burst of cold readers opens connections, and relies on its leases most."""
    app = make_app(**SELDOM_CHECKED)
    redis = app.extensions["token_cache"].backend.client
    with app.app_context():
        id = add_session(user.id).id
        token_cache.invalidate_refresh_token(id)
    reader = Actor(app, lambda _: token_cache.get_refresh_token_by_id(id))
    before = fills([app])

    with stepping(app):
        reader.begin()
        while reader.is_alive():
            _make_a_connection(redis)
            reader.step()
            reader.join(0 if reader.waits_at else None)

    assert reader.result.id == id
    assert fills([app]) == before + 1


def _make_a_connection(redis: Any) -> None:
    pool, made = redis.client.connection_pool, redis.connections
    taken = []
    while redis.connections == made:
        taken.append(pool.get_connection())
    for connection in taken:
        pool.release(connection)


def test_cold_cache_uses_no_more_connections_than_loaders(
    make_app: Callable[..., Flask], user: User, redis_server: RedisServer
) -> None:
    app = make_app(CACHE_LOADERS="2")
    loaders = app.extensions["token_cache"].database._loaders
    with app.app_context():
        ids = [add_session(user.id).id for _ in range(THREADS)]
    redis_server.kill()
    most, lock = 0, threading.Lock()

    def note(*_: Any) -> None:
        nonlocal most
        with lock:
            most = max(most, loaders.pool.checkedout())

    event.listen(loaders, "before_cursor_execute", note)

    records = read_at_once([app], ids)

    assert all(records)
    assert 1 <= most <= 2


def test_read_without_a_free_loader_times_out(
    make_app: Callable[..., Flask], user: User, redis_server: RedisServer
) -> None:
    app = make_app(CACHE_LOADERS="1", DATABASE_TIMEOUT="1")
    with app.app_context():
        id = add_session(user.id).id
        redis_server.kill()
        taken = app.extensions["token_cache"].database._loaders.connect()
        with taken, pytest.raises(Unavailable):
            token_cache.get_refresh_token_by_id(id)

        assert token_cache.get_refresh_token_by_id(id)


def test_absent_rows_are_remembered_in_bounded_memory() -> None:
    memory = Memory(most_entries=100, most_bytes=10_000)
    for number in range(1_000):
        memory.put(f"refresh_token:{number}", Remembered(None, 0.0, 200))

    assert len(memory) == 50
    assert memory.get("refresh_token:999") is not None
