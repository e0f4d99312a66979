"""A database that went back, because an older backup was restored, is noticed by itself."""

import re
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from authapp.cli.worker import start_background_worker
from authapp.models import CacheState, Scope, User, db
from authapp.models.base import table_of
from authapp.services import api_tokens
from authapp.token_cache import token_cache
from authapp.token_cache.coherence.marks import KEY, Marks
from authapp.token_cache.coherence.trust import DATABASE_WENT_BACK, Trust
from tests.api.calling import bearing, begin, new_token, without_cookies
from tests.support.accounts import HERE
from tests.support.redis import dump
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until

METRICS_TOKEN = "Wq8kPz3vLm5nRt7yXc2bHj4fDs6gAe9u"

_state = table_of(CacheState)


class Backups:
    """Takes and restores a backup of the test's database, as an operator does."""

    def __init__(self, url: str, request: pytest.FixtureRequest, folder: Path) -> None:
        self._is_file = url.startswith("sqlite")
        self._url, self._request, self._folder = url, request, folder

    def take(self) -> None:
        self._copy(restores=False)

    def restore(self) -> None:
        self._copy(restores=True)

    def _copy(self, *, restores: bool) -> None:
        pair = self._files() if self._is_file else self._names()
        source, target = pair[::-1] if restores else pair
        if self._is_file:
            with sqlite3.connect(source) as taken, sqlite3.connect(target) as copied:
                taken.backup(copied)
        else:
            self._request.getfixturevalue("postgres").copy(source, target)

    def _files(self) -> tuple[str, str]:
        return self._url.removeprefix("sqlite:///"), str(self._folder / "backup.db")

    def _names(self) -> tuple[str, str]:
        name = self._url.partition("@/")[2].partition("?")[0]
        return name, f"{name}_backup"


@pytest.fixture
def backups(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Backups:
    return Backups(database_url, request, tmp_path)


def trust_of(app: Flask) -> Trust:
    trust: Trust = app.extensions["token_cache"].backend.trust
    return trust


def marks_of(app: Flask) -> Marks:
    marks = trust_of(app).marks
    assert marks is not None
    return marks


def status(app: Flask, token: str) -> int:
    return without_cookies(app).get("/api/v1/me", headers=bearing(token)).status_code


def is_trusted(app: Flask) -> bool:
    """Return whether the process trusts Redis, from a check that begins now."""
    trust = trust_of(app)
    trust.resume()
    return trust.enter() is not None


def readiness(app: Flask) -> tuple[int, str]:
    answer = app.test_client().get("/readyz")
    return answer.status_code, answer.json["database"]


def lag(app: Flask) -> float | None:
    """Return how much older the database is than Redis, as /metrics says."""
    page = app.test_client().get("/metrics", headers=bearing(METRICS_TOKEN)).get_data(as_text=True)
    found = re.search(r"^authapp_database_behind_redis_seconds (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else None


def revoke_all(app: Flask, user: User) -> None:
    with app.app_context():
        for described in api_tokens.list_tokens(user.id):
            api_tokens.revoke(user.id, described.token.id, client=HERE)


def go_back(app: Flask, user: User, backups: Backups) -> tuple[str, str]:
    """Restore a backup; return a token that was revoked since, and one of a session begun since."""
    revoked = new_token(app, user, Scope.ACCOUNT_READ)
    marks_of(app).advance()
    backups.take()
    revoke_all(app, user)
    later = begin(app, user).access_token
    assert (status(app, revoked), status(app, later)) == (401, 200)
    marks_of(app).advance()
    backups.restore()
    wait_until(lambda: _answers(app), "the database does not answer")
    return revoked, later


def _answers(app: Flask) -> bool:
    """Return whether the database answers, over connections made since it was restored."""
    with app.app_context():
        db.engine.dispose()
        app.extensions["token_cache"].database.close()
        return db.session.scalar(select(_state.c.epoch)) is not None


@pytest.mark.ends_in_disagreement
def test_a_running_process_notices_and_does_not_trust_the_cache(
    app: Flask, user: User, backups: Backups, caplog: pytest.LogCaptureFixture
) -> None:
    _, later = go_back(app, user, backups)

    wait_until(lambda: status(app, later) == 401, "the session of the newer database still works")

    assert trust_of(app).doubt == DATABASE_WENT_BACK
    assert caplog.text.count("database_went_back") == 1
    assert readiness(app) == (503, "older than Redis")


@pytest.mark.ends_in_disagreement
def test_the_metric_of_the_alert_says_so_until_the_command_has_run(
    make_app: Callable[..., Flask], user: User, backups: Backups
) -> None:
    app = make_app(METRICS_TOKENS=METRICS_TOKEN)
    before = lag(app)
    go_back(app, user, backups)
    behind = lag(app)

    make_app().test_cli_runner().invoke(args=["security", "database-restored", "--yes"])

    assert before == 0
    assert behind > 0
    assert lag(app) == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_redis_no_metric_claims_that_the_database_is_current(
    make_app: Callable[..., Flask], redis_server: RedisServer
) -> None:
    app = make_app(METRICS_TOKENS=METRICS_TOKEN)
    assert lag(app) == 0

    redis_server.kill()

    assert lag(app) is None


@pytest.mark.ends_in_disagreement
def test_a_process_that_starts_notices(
    app: Flask, make_app: Callable[..., Flask], user: User, backups: Backups, caplog
) -> None:
    _, later = go_back(app, user, backups)
    caplog.clear()

    started = make_app()

    assert readiness(started) == (503, "older than Redis")
    assert not is_trusted(started)
    assert status(started, later) == 401
    assert caplog.text.count("database_went_back") == 1


@pytest.mark.ends_in_disagreement
def test_only_the_command_ends_the_alarm(
    app: Flask, make_app: Callable[..., Flask], user: User, backups: Backups
) -> None:
    revoked, later = go_back(app, user, backups)
    with app.app_context():
        token_cache.mark_database()
        marks_of(app).advance()
    assert not is_trusted(app)
    flushed = app.test_cli_runner().invoke(args=["cache", "flush", "--yes"])
    assert "run `flask security database-restored`" in flushed.output
    assert not is_trusted(app)
    operator = make_app()

    done = operator.test_cli_runner().invoke(args=["security", "database-restored", "--yes"])

    assert done.exit_code == 0, done.output
    assert is_trusted(app)
    assert (status(app, revoked), status(app, later)) == (401, 401)
    assert readiness(make_app()) == (200, "ok")
    assert status(app, begin(app, user).access_token) == 200


@pytest.mark.ends_in_disagreement
def test_after_a_failover_only_the_cache_can_be_emptied(
    app: Flask, make_app: Callable[..., Flask], user: User, backups: Backups
) -> None:
    revoked, later = go_back(app, user, backups)

    done = (
        make_app().test_cli_runner().invoke(args=["security", "database-restored", "--only-cache"])
    )

    assert done.exit_code == 0, done.output
    assert is_trusted(app)
    assert (status(app, revoked), status(app, later)) == (200, 401)


@pytest.mark.ends_in_disagreement
def test_a_process_reads_the_tombstones_of_the_older_database(
    app: Flask, make_app: Callable[..., Flask], user: User, backups: Backups
) -> None:
    """Their ids are lower than those that the process has read."""
    for _ in range(3):
        new_token(app, user, Scope.ACCOUNT_READ)
        revoke_all(app, user)
    go_back(app, user, backups)
    make_app().test_cli_runner().invoke(args=["security", "database-restored", "--only-cache"])
    with app.app_context():
        (described,) = (each for each in api_tokens.list_tokens(user.id))

    revoke_all(make_app(), user)

    trust_of(app).distrust()
    assert is_trusted(app)
    assert f"token:{described.token.id}" in trust_of(app).tombstones


def test_concurrent_workers_cause_no_alarm(app: Flask, make_app: Callable[..., Flask]) -> None:
    workers, checker = [make_app(), make_app()], marks_of(app)
    stop = threading.Event()

    def work(worker: Flask) -> None:
        while not stop.is_set():
            with worker.app_context():
                marks_of(worker).advance()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        assert not any(checker.behind() for _ in range(200))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert checker.in_redis() > 0


def test_a_mark_that_is_missing_forged_or_older_causes_no_alarm(
    app: Flask, redis_server: RedisServer
) -> None:
    marks = marks_of(app)
    marks.advance()
    mark = dump(redis_server)[KEY]
    marks.advance()

    for held in (None, b"9" * 14, b"v" + b"9" * 14, mark[:-1], mark):
        with redis_server.client as client:
            client.delete(KEY)
            if held is not None:
                client.set(KEY, held)
        assert is_trusted(app)
        assert readiness(app) == (200, "ok")


def test_clocks_that_differ_cause_no_alarm(app: Flask, make_app: Callable[..., Flask]) -> None:
    behind = make_app()
    with app.app_context():
        ahead = db.session.scalar(select(_state.c.mark)) or 0
        db.session.execute(update(_state).values(mark=ahead + 10**15))
        db.session.commit()
    marks_of(app).advance()

    marks_of(behind).advance()

    assert not marks_of(app).behind()
    with behind.app_context():
        token_cache.accept_database()
    assert not marks_of(app).behind()


def test_the_worker_writes_a_mark_every_ten_seconds(app: Flask) -> None:
    with app.app_context():
        token_cache.mark_database()
        first = marks_of(app).in_redis()
        token_cache.mark_database()

    assert first > 0
    assert marks_of(app).in_redis() == first


def test_the_outbox_worker_writes_marks(app: Flask) -> None:
    worker = start_background_worker(app)
    try:
        wait_until(lambda: marks_of(app).in_redis() > 0, "the worker wrote no mark")
    finally:
        worker.stop()


def test_a_worker_that_cron_runs_writes_marks(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["outbox", "run", "--once"])

    assert done.exit_code == 0, done.output
    assert marks_of(app).in_redis() > 0
