"""`/readyz` tells what a process can use, and checks it only now and then."""

import base64
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from authapp.models import db
from authapp.services import readiness as readiness_service
from authapp.services.readiness import CHECK_AFTER
from tests.support.servers import RedisServer

Answer = tuple[int, dict[str, str]]


def readiness(client: FlaskClient) -> Answer:
    answer = client.get("/readyz")
    return answer.status_code, answer.json


def refuse_changes(app: Flask) -> None:
    """Make every new connection read-only, as the database of a standby is."""

    def refuse(connection: Any, _record: Any) -> None:
        is_sqlite = db.engine.dialect.name == "sqlite"
        on = "PRAGMA query_only = ON" if is_sqlite else "SET default_transaction_read_only = on"
        connection.execute(on)
        connection.commit()

    with app.app_context():
        db.engine.dispose()
        event.listen(db.engine, "connect", refuse)


def test_a_process_that_can_use_everything_is_ready(client: FlaskClient) -> None:
    found = {"database": "ok", "redis": "ok", "signing_keys": "ok", "status": "ok"}

    assert readiness(client) == (200, found)


def test_an_unavailable_database_is_reported(
    client: FlaskClient, lose_database: Callable[[], None]
) -> None:
    lose_database()

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.json["database"] == "unavailable"
    assert answer.json["signing_keys"] == "unknown"


def test_a_read_only_database_is_reported(app: Flask, client: FlaskClient) -> None:
    refuse_changes(app)

    status, found = readiness(client)

    assert (status, found["database"]) == (503, "read-only")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_is_reported(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only root can mount a file system that is full.
    monkeypatch.setattr(readiness_service, "_ROOM_BYTES", 1 << 60)

    status, found = readiness(client)

    assert (status, found["database"]) == (503, "full")


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server that a test may reconfigure."""
    server = RedisServer().start()
    yield server
    server.close()


def test_redis_that_is_full_or_unreachable_is_reported(
    make_app: Callable[..., Flask],
    own_server: RedisServer,
    move_time: Callable[..., time_machine.travel],
) -> None:
    client = make_app(REDIS_URL=own_server.url).test_client()
    with own_server.client as redis:
        redis.config_set("maxmemory", "1")

    full = readiness(client)
    own_server.kill()
    with move_time(seconds=CHECK_AFTER.total_seconds()):
        unreachable = readiness(client)

    assert (full[0], full[1]["redis"]) == (200, "refuses writes")
    assert (unreachable[0], unreachable[1]["redis"]) == (200, "unreachable")


def test_no_redis_is_reported(make_app: Callable[..., Flask]) -> None:
    status, found = readiness(make_app(REDIS_URL="").test_client())

    assert (status, found["redis"]) == (200, "not configured")


def test_a_signing_key_that_cannot_be_decrypted_is_reported(make_app: Callable[..., Flask]) -> None:
    another = base64.urlsafe_b64encode(os.urandom(32)).decode()

    status, found = readiness(make_app(KEY_ENCRYPTION_KEYS=another).test_client())

    assert (status, found["signing_keys"]) == (503, "cannot be decrypted")


def test_a_check_is_repeated_only_after_some_time(
    app: Flask, client: FlaskClient, move_time: Callable[..., time_machine.travel]
) -> None:
    first = readiness(client)
    refuse_changes(app)

    second = readiness(client)
    with move_time(seconds=CHECK_AFTER.total_seconds()):
        third = readiness(client)

    assert first == second
    assert third[1]["database"] == "read-only"


def test_only_one_thread_checks_while_others_get_the_last_result(
    app: Flask, client: FlaskClient, move_time: Callable[..., time_machine.travel]
) -> None:
    check = app.extensions["readiness"]
    assert readiness(client)[0] == 200

    with check._checking, move_time(seconds=CHECK_AFTER.total_seconds() + 1):
        hanging = readiness(client)

    assert hanging[1]["database"] == "unavailable"
