"""However Redis fails, the database answers soon, and the outage is logged once."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from redis import Redis

from authapp.models import User
from authapp.token_cache import counters, last_used, token_cache
from authapp.token_cache.counters import Event
from tests.api.calling import bearing, begin, without_cookies
from tests.support.applications import HURRIED
from tests.support.costs import measured
from tests.support.servers import RedisServer, free_port
from tests.support.waiting import PATIENCE_SECONDS
from tests.token_cache.rows import add_session

READS = 30


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, **HURRIED}


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen as an unusable server; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=attend, args=(connection,), daemon=True).start()

        def attend(connection: socket.socket) -> None:
            with connection:
                try:
                    answer(connection)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        # Wakes `accept`, which closing alone does not.
        listener.shutdown(socket.SHUT_RDWR)


def saying(text: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(text)

    return answer


def hangs(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def drops(connection: socket.socket) -> None:
    connection.recv(65536)


def stops_in_the_middle(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"$100\r\nonly so much")


BAD_SERVERS = {
    "hangs": hangs,
    "drops": drops,
    "stops in the middle": stops_in_the_middle,
    "is loading": saying(b"-LOADING Redis is loading the dataset in memory\r\n"),
    "is no Redis": saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "says garbage": saying(b"\x00\xff\xfe$*:-+\r\n" * 50),
    "says something else": saying(b"+OK\r\n"),
    "says numbers": saying(b":1\r\n" * 50),
    "promises more than it says": saying(b"*1000\r\n"),
    "wants another protocol": saying(b"-NOPROTO unsupported protocol version\r\n"),
}


def read_all(session_id: Any, times: int = READS) -> list[float]:
    """Read a session repeatedly and return how long each read took."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        record = token_cache.get_refresh_token_by_id(session_id)
        took.append(time.monotonic() - began)
        assert record is not None
        assert record.id == session_id
    return took


def outage_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged of Redis; the process's own timers write to the database."""
    timers = (counters.__name__, last_used.__name__)
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name not in timers
    ]


def assert_bounded(took: list[float], app: Flask) -> None:
    """Check that calls wait only until the breaker opens, and less than redis-py's own timeouts.

    Few calls wait for that; an overloaded machine delays some others as well.
    """
    timeout = app.extensions["settings"].cache.timeout.total_seconds()
    slow = [seconds for seconds in took if seconds > timeout]
    assert len(slow) <= READS / 2
    assert max(took) < 2.5


@pytest.mark.parametrize("fault", BAD_SERVERS)
def test_unusable_server(
    make_app: Callable[..., Flask], user: User, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    with answering(BAD_SERVERS[fault]) as url:
        app = make_app(REDIS_URL=url)
        with app.app_context():
            session_id = add_session(user.id).id
            took = read_all(session_id)

    assert_bounded(took, app)
    assert len(outage_lines(caplog)) == 1


def test_unreachable_server(
    make_app: Callable[..., Flask], user: User, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    with app.app_context():
        took = read_all(add_session(user.id).id)

    assert_bounded(took, app)
    assert len(outage_lines(caplog)) == 1


def test_wrong_password(
    make_app: Callable[..., Flask],
    user: User,
    own_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ask_for_a_password(own_server)
    app = make_app(REDIS_URL=f"redis://:secret-but-wrong@127.0.0.1:{own_server.port}/0")
    with app.app_context():
        took = read_all(add_session(user.id).id)

    assert_bounded(took, app)
    assert len(outage_lines(caplog)) == 1
    assert "secret-but-wrong" not in outage_lines(caplog)[0]


def freeze(server: RedisServer) -> None:
    server.freeze()


def kill(server: RedisServer) -> None:
    server.kill()


def fill_its_memory(server: RedisServer) -> None:
    with server.client as client:
        client.config_set("maxmemory", "1")


def make_it_a_replica(server: RedisServer) -> None:
    with server.client as client:
        client.execute_command("REPLICAOF", "127.0.0.1", str(free_port()))


def ask_for_a_password(server: RedisServer) -> None:
    with server.client as client:
        client.config_set("requirepass", "new")
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def forget_the_password(server: RedisServer) -> None:
    with Redis(port=server.port, password="new") as client:
        client.config_set("requirepass", "")


FAULTS: dict[str, tuple[Callable[[RedisServer], None], Callable[[RedisServer], None]]] = {
    "frozen": (freeze, RedisServer.heal),
    "killed": (kill, RedisServer.heal),
    "out of memory": (fill_its_memory, lambda server: _set_memory(server, "0")),
    "read-only": (make_it_a_replica, lambda server: _run(server, "REPLICAOF", "NO", "ONE")),
    "asking for a password": (ask_for_a_password, forget_the_password),
}


def _set_memory(server: RedisServer, limit: str) -> None:
    with server.client as client:
        client.config_set("maxmemory", limit)


def _run(server: RedisServer, *command: str) -> None:
    with server.client as client:
        client.execute_command(*command)


def hits() -> int:
    return token_cache.assembly.counters.counted(Event.HIT, Event.RECALL)


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server that a test may reconfigure."""
    server = RedisServer().start()
    yield server
    server.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_failing_server_that_recovers(
    make_app: Callable[..., Flask],
    user: User,
    own_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    app = make_app(REDIS_URL=own_server.url)
    breaks, mends = FAULTS[fault]
    with app.app_context():
        session_id = add_session(user.id).id
        read_all(session_id)
        caplog.clear()

        breaks(own_server)
        added = add_session(user.id).id
        took = read_all(session_id) + read_all(added)
        said = outage_lines(caplog)
        mends(own_server)
        is_back = app.extensions["token_cache"].backend.trust.breaker.wait_until_closed
        assert is_back(PATIENCE_SECONDS)
        read_all(session_id, 3)
        before = hits()
        read_all(session_id, 3)
        after = hits()

    assert_bounded(took, app)
    assert len(said) == len(set(said))
    assert after - before == 3


def test_request_waits_for_a_frozen_server_only_once(
    make_app: Callable[..., Flask], user: User, own_server: RedisServer
) -> None:
    """A request with a revoked token reads several times: it verifies the token again."""
    here, there = make_app(REDIS_URL=own_server.url), make_app(REDIS_URL=own_server.url)
    headers = bearing(begin(here, user).access_token)
    client = without_cookies(there)
    assert client.get("/auth/check", headers=headers).status_code == 204
    own_server.freeze()
    without_cookies(here).post("/api/v1/logout", headers=headers)

    with measured() as cost:
        refused = client.get("/auth/check", headers=headers)

    assert refused.status_code == 401
    assert cost.round_trips == 1
