"""PostgreSQL that is frozen, restarted or read-only delays few requests, and causes no 500."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Connection, text

from authapp.models import User, db
from authapp.models.base import OUTAGES
from authapp.models.postgresql import prepare_for_migrations
from tests.api.calling import bearing, begin
from tests.support.accounts import PASSWORD
from tests.support.applications import HURRIED
from tests.support.servers import PostgresServer
from tests.support.waiting import wait_until

REQUESTS = 2
BRIEF = {**HURRIED, "DATABASE_REQUESTS": str(REQUESTS), "DATABASE_STATEMENT_TIMEOUT": "1"}
READ_ONLY = "ALTER DATABASE {} SET default_transaction_read_only = on"

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(**BRIEF)


def statuses_of(app: Flask, headers: dict[str, str], answers: list[int]) -> threading.Thread:
    """Request the account in a thread, and append the status to `answers`."""

    def ask() -> None:
        answers.append(app.test_client().get("/api/v1/me", headers=headers).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_frozen_database_delays_only_the_requests_that_may_wait(
    app: Flask, user: User, postgres: PostgresServer
) -> None:
    slots, client = app.extensions["database_slots"], app.test_client()
    proof = bearing(begin(app, user).access_token)
    assert client.get("/auth/check", headers=proof).status_code == HTTPStatus.NO_CONTENT
    answers: list[int] = []

    with postgres.frozen():
        waiting = [statuses_of(app, proof, answers) for _ in range(REQUESTS)]
        wait_until(lambda: len(slots._held) == REQUESTS)
        checked = client.get("/auth/check", headers=proof)
        refused = client.get("/api/v1/sessions", headers=proof)
        has_answered = bool(answers)
        for thread in waiting:
            thread.join()

    assert not has_answered
    assert checked.status_code == HTTPStatus.NO_CONTENT
    assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert refused.headers["Retry-After"]
    assert set(answers) == {HTTPStatus.SERVICE_UNAVAILABLE}
    assert client.get("/api/v1/sessions", headers=proof).status_code == HTTPStatus.OK


def test_a_transaction_that_cannot_be_rolled_back_fails_no_request(
    app: Flask, postgres: PostgresServer
) -> None:
    with app.app_context():
        db.session.execute(text("SELECT 1"))
        with postgres.frozen():
            db.rollback()
        db.session.execute(text("SELECT 1"))
    with ExitStack() as stack, app.app_context():
        db.session.execute(text("SELECT 1"))
        stack.enter_context(postgres.frozen())


@pytest.mark.parametrize(
    "ends",
    [
        ["SET idle_in_transaction_session_timeout = '1ms'"],
        ["SET transaction_timeout = '1ms'"],
        ["SELECT pg_terminate_backend(pg_backend_pid())"],
        ["SET statement_timeout = '1ms'", "SELECT pg_sleep(1)"],
        ["SET default_transaction_read_only = on", "COMMIT", "DELETE FROM users"],
    ],
    ids=lambda ends: ends[-1],
)
def test_every_way_to_lose_a_connection_is_an_outage(app: Flask, ends: list[str]) -> None:
    def use(connection: Connection) -> None:
        for statement in ends:
            connection.execute(text(statement))
        wait_until(lambda: connection.execute(text("SELECT 0")).scalar())

    with app.app_context(), db.engine.connect() as connection:
        with pytest.raises(OUTAGES):
            use(connection)
        connection.invalidate()


def test_connections_that_ended_while_idle_are_replaced(
    app: Flask, user: User, postgres: PostgresServer
) -> None:
    ending = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
    client, proof = app.test_client(), bearing(begin(app, user).access_token)
    assert client.get("/api/v1/me", headers=proof).status_code == HTTPStatus.OK

    with app.app_context(), psycopg.connect(postgres.url("postgres")) as connection:
        connection.execute(ending, [db.engine.url.database])

    assert client.get("/api/v1/me", headers=proof).status_code == HTTPStatus.OK


def test_a_read_only_database_gets_a_503(app: Flask, user: User, postgres: PostgresServer) -> None:
    with app.app_context():
        name = db.engine.url.database
        with db.engine.connect() as connection:
            connection.execute(text(READ_ONLY.format(name)))
            connection.commit()
        db.engine.dispose()

    body = {"email": user.email, "password": PASSWORD}
    answer = app.test_client().post("/api/v1/login", json=body)

    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE


def test_migrations_may_take_longer(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        prepare_for_migrations(connection)
        limit = connection.scalar(text("SHOW statement_timeout"))
        raw = connection.connection.driver_connection

    assert limit == "0"
    assert raw.answer_seconds is None


def test_migrations_wait_for_locks_only_if_no_request_waits_behind_them(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        prepare_for_migrations(connection)
        limits = [
            connection.scalar(text(f"SELECT current_setting('lock_timeout') /* {words} */"))
            for words in ("ALTER TABLE", "CREATE INDEX CONCURRENTLY", "ALTER TABLE")
        ]
        connection.invalidate()

    assert limits == ["2s", "0", "2s"]
