"""Memory of a process: no round trip while it is trusted, and never a revoked record."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from authapp.domain import sessions
from authapp.models import EndReason, RefreshToken, Token, User, VerificationToken, db
from authapp.models.changes import delete_where, update_where
from authapp.services import api_tokens
from authapp.token_cache import token_cache
from authapp.token_cache.entries import RowEntry
from authapp.token_cache.records import REFRESH_TOKEN
from authapp.token_cache.redis import change_log
from tests.support.accounts import HERE
from tests.support.applications import HURRIED
from tests.support.servers import RedisServer
from tests.token_cache.rows import add_link, add_session, add_token

LONG = {"CACHE_LOCAL_TRUST": "100", "CACHE_TRUST": "5000"}
"""Longer than the few reads of a test take."""


@pytest.fixture
def processes(make_app: Callable[..., Flask]) -> list[Flask]:
    """Two processes that share a database and a Redis."""
    return [make_app(), make_app()]


@contextmanager
def counted_round_trips(app: Flask) -> Iterator[list[str]]:
    """Note each command that an application sends to Redis."""
    redis, sent = app.extensions["token_cache"].backend.client, []
    read, run = redis.read, redis.run

    def noted_read(*arguments: Any) -> Any:
        sent.append("read")
        return read(*arguments)

    def noted_run(*arguments: Any, **options: Any) -> Any:
        sent.append("run")
        return run(*arguments, **options)

    redis.read, redis.run = noted_read, noted_run
    try:
        yield sent
    finally:
        del redis.read, redis.run


def local_of(app: Flask) -> Any:
    return app.extensions["token_cache"].reader._local


def refill(app: Flask, id: Any) -> None:
    """Read a session until it is remembered and memory is trusted."""
    with app.app_context():
        token_cache.get_refresh_token_by_id(id)
        token_cache.get_refresh_token_by_id(id)


def test_trusted_memory_answers_without_a_round_trip(
    make_app: Callable[..., Flask], user: User
) -> None:
    app = make_app(**LONG)
    with app.app_context():
        id = add_session(user.id).id
        token_cache.get_refresh_token_by_id(id)
        with counted_round_trips(app) as sent:
            assert token_cache.get_refresh_token_by_id(id).id == id

    assert sent == []


def test_poll_is_one_round_trip_and_keeps_unchanged_entries(
    make_app: Callable[..., Flask], user: User
) -> None:
    app = make_app(**LONG)
    with app.app_context():
        id = add_session(user.id).id
        token_cache.get_refresh_token_by_id(id)
        local_of(app)._trusted_until = 0.0
        with counted_round_trips(app) as sent:
            assert token_cache.get_refresh_token_by_id(id).id == id

    assert sent == ["run"]


def test_disabled_local_tier_remembers_nothing(make_app: Callable[..., Flask], user: User) -> None:
    app = make_app(CACHE_LOCAL_TRUST="0")
    with app.app_context():
        id = add_session(user.id).id
        token_cache.get_refresh_token_by_id(id)
        with counted_round_trips(app) as sent:
            token_cache.get_refresh_token_by_id(id)

    assert sent == ["read"]


def test_change_is_reported_only_after_every_process_has_forgotten_the_entry(
    processes: list[Flask], user: User
) -> None:
    """The other process reads all the time, so that its memory is as fresh as possible."""
    here, there = processes
    for _ in range(50):
        with here.app_context():
            id = add_session(user.id).id
        refill(there, id)
        with here.app_context():
            sessions.end(id, user.id, EndReason.SIGNED_OUT)
            db.session.commit()
        with there.app_context():
            assert token_cache.get_refresh_token_by_id(id).ended_at is not None


@pytest.mark.parametrize("model", [Token, RefreshToken, VerificationToken])
def test_inserted_row_is_in_every_list_once_reported(
    processes: list[Flask], user: User, model: Any
) -> None:
    here, there = processes
    add, listed = LISTS[model]
    for number in range(20):
        with there.app_context():
            listed(user)
        with here.app_context():
            add(user.id)
        with there.app_context():
            assert len(listed(user)) == number + 1
    with here.app_context():
        delete_where(model, model.user_id == user.id)
        db.session.commit()
    with there.app_context():
        assert listed(user) == []


LISTS: dict[Any, Any] = {
    Token: (add_token, lambda user: token_cache.get_tokens_by_user(user.id)),
    RefreshToken: (add_session, lambda user: token_cache.get_refresh_tokens_by_user(user.id)),
    VerificationToken: (
        add_link,
        lambda user: token_cache.get_verification_tokens_by_user(user.id, "email_verification"),
    ),
}


def test_id_read_before_its_row_existed_is_found_once_the_row_is_reported(
    processes: list[Flask], user: User
) -> None:
    here, there = processes
    for _ in range(20):
        key = str(uuid4())
        id = api_tokens._id_for(user.id, key)
        with there.app_context():
            assert token_cache.get_token_by_id(id) is None
            assert token_cache.get_token_by_id(id) is None
        with here.app_context():
            api_tokens.create(
                user.id, name="x", scopes=["account:read"], expires_at=None, client=HERE, key=key
            )
        with there.app_context():
            assert token_cache.get_token_by_id(id) is not None


def test_journaled_row_is_in_every_list_once_reported(
    make_app: Callable[..., Flask], user: User, redis_server: RedisServer
) -> None:
    """One process cannot reach Redis while the other trusts what it holds."""
    here = make_app(**HURRIED, REDIS_URL="redis://127.0.0.1:1")
    there = make_app()
    for number in range(5):
        with there.app_context():
            assert len(token_cache.get_tokens_by_user(user.id)) == number
        began = time.monotonic()
        with here.app_context():
            add_token(user.id)
        took = time.monotonic() - began
        with there.app_context():
            assert len(token_cache.get_tokens_by_user(user.id)) == number + 1
        assert took >= 0.25


@pytest.mark.parametrize("loss", ["trimmed", "flushed", "deleted"])
def test_lost_change_log_makes_a_process_forget_everything(
    make_app: Callable[..., Flask], user: User, redis_server: RedisServer, loss: str
) -> None:
    app = make_app(**LONG)
    with app.app_context():
        id = add_session(user.id).id
        token_cache.get_refresh_token_by_id(id)
        assert len(local_of(app)._values) > 0
        if loss == "trimmed":
            redis_server.client.xadd(change_log.KEY, {"keys": ""})
            redis_server.client.xtrim(change_log.KEY, maxlen=1, approximate=False)
        elif loss == "flushed":
            redis_server.client.flushall()
        else:
            redis_server.client.delete(change_log.KEY)
        local_of(app)._trusted_until = 0.0
        local_of(app).catch_up()

    assert len(local_of(app)._values) == 0


def test_value_that_changes_during_its_read_is_not_remembered(
    make_app: Callable[..., Flask], user: User
) -> None:
    app = make_app(**LONG)
    local = local_of(app)
    with app.app_context():
        id = add_session(user.id).id
        token_cache.get_refresh_token_by_id(id)
        generation = local.catch_up()
        _, looks = app.extensions["token_cache"].backend.look([entry := entry_of(id)])
        update_where(RefreshToken, RefreshToken.id == id, generation=1)
        db.session.commit()
        local._trusted_until = 0.0
        local.catch_up()
        local.remember(entry, looks[entry], generation)

        assert local.recall([entry]) == {}
        assert token_cache.get_refresh_token_by_id(id).generation == 1


def entry_of(id: Any) -> Any:

    return RowEntry(REFRESH_TOKEN, id)


def test_lost_fence_is_logged_again(make_app: Callable[..., Flask], user: User) -> None:
    """Redis may then hold an old value, and a process may remember it."""
    here, there = make_app(**LONG), make_app(**LONG)
    backend = here.extensions["token_cache"].backend
    with here.app_context():
        id = add_session(user.id).id
        key = entry_of(id).key
        backend.fence(b"0" * 16, [key])
        backend.client.client.delete(key)
    with there.app_context():
        token_cache.get_refresh_token_by_id(id)
    with here.app_context():
        assert backend.settle(b"0" * 16, {key: None}) > time.monotonic()
    local_of(there)._trusted_until = 0.0
    with there.app_context():
        local_of(there).catch_up()

    assert local_of(there).recall([entry_of(id)]) == {}


def test_process_paused_after_its_poll_refuses_a_revoked_session(
    processes: list[Flask], user: User
) -> None:
    """Its trust starts before the poll, so time during which it was paused counts too."""
    here, there = processes
    with here.app_context():
        id = add_session(user.id).id
    refill(there, id)
    local = local_of(there)
    began = local._trusted_until - local._trust_seconds

    with here.app_context():
        sessions.end(id, user.id, EndReason.SIGNED_OUT)
        db.session.commit()

    assert time.monotonic() >= began + local._trust_seconds
    assert local.recall([entry_of(id)]) == {}
