"""Tests of each operation of the token cache, for the modules that run them on a server."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask

from authapp import clock
from authapp.errors import InputRefused
from authapp.models import (
    KeyState,
    RefreshToken,
    Token,
    User,
    VerificationToken,
    VerificationType,
    db,
)
from authapp.models.changes import update_where
from authapp.security.derivation import derive_key
from authapp.security.opaque_tokens import make_refresh_token
from authapp.services import keys
from authapp.token_cache import token_cache
from authapp.token_cache.counters import Event
from authapp.token_cache.records import is_active
from tests.support.accounts import add_user
from tests.support.applications import HURRIED
from tests.support.redis import dump
from tests.support.servers import RedisServer
from tests.support.waiting import PATIENCE_SECONDS
from tests.token_cache.rows import add_link, add_session, add_token

pytestmark = pytest.mark.usefixtures("context")
EMAIL = VerificationType.EMAIL_VERIFICATION
RESET = VerificationType.PASSWORD_RESET


def queries(app: Flask) -> int:
    """Return how many reads the database has answered so far."""
    return app.extensions["token_cache"].counters.counted(Event.DATABASE)


def costs_no_query(app: Flask, read: Callable[[], object]) -> bool:
    read()
    before = queries(app)
    read()
    return queries(app) == before


def test_token_is_found_by_id_and_by_value(app: Flask, user: User) -> None:
    row, value = add_token(user.id)

    assert token_cache.get_token_by_id(row.id).name == "a script"
    assert token_cache.get_token_by_value(value).id == row.id
    assert costs_no_query(app, lambda: token_cache.get_token_by_value(value))


def test_link_is_found_by_id_and_by_value(app: Flask, user: User) -> None:
    row, value = add_link(user.id)

    assert token_cache.get_verification_token_by_id(row.id).type == EMAIL
    assert token_cache.get_verification_token_by_value(value).id == row.id
    assert costs_no_query(app, lambda: token_cache.get_verification_token_by_value(value))


def test_session_is_found_by_id_and_by_value(app: Flask, user: User) -> None:
    row = add_session(user.id)
    key = derive_key(app.config["SECRET_KEY"], "refresh token")
    value = make_refresh_token(key, row.id, 0)

    assert token_cache.get_refresh_token_by_id(row.id).user_id == user.id
    assert token_cache.get_refresh_token_by_value(value).id == row.id
    assert token_cache.get_refresh_token_by_value(make_refresh_token(b"x" * 32, row.id, 0)) is None
    assert costs_no_query(app, lambda: token_cache.get_refresh_token_by_value(value))


def test_key_is_found_by_id_and_by_kid(app: Flask) -> None:
    row = keys.list_keys()[0]

    assert token_cache.get_jwt_key_by_id(row.id).kid == row.kid
    assert token_cache.get_jwt_key_by_key_id(row.kid).id == row.id
    assert token_cache.get_jwt_key_by_key_id("nobody") is None
    assert costs_no_query(app, lambda: token_cache.get_jwt_key_by_key_id(row.kid))


def test_wrong_secret_finds_nothing(user: User) -> None:
    _, token = add_token(user.id)
    _, other = add_token(user.id)
    _, link = add_link(user.id)
    _, other_link = add_link(user.id)

    mixed = link.split(".")[0] + "." + other_link.split(".")[1]

    assert token_cache.get_verification_token_by_value(mixed) is None
    assert token_cache.get_verification_token_by_value(token) is None
    assert token_cache.get_token_by_value(link) is None
    assert token_cache.get_token_by_value(token) is not None
    assert token_cache.get_token_by_value(other) is not None


@pytest.mark.parametrize("with_redis", [True, False])
def test_expired_record_is_never_returned(
    redis_server: RedisServer, user: User, move_time, with_redis: bool
) -> None:
    token, value = add_token(user.id, days=1 / 24 / 2)
    link, link_value = add_link(user.id, minutes=30)
    session = add_session(user.id, hours=0.5)
    assert token_cache.get_token_by_value(value)
    assert token_cache.get_verification_token_by_value(link_value)
    assert token_cache.get_tokens_by_user(user.id)
    if not with_redis:
        redis_server.kill()

    with move_time(minutes=31):
        assert token_cache.get_token_by_id(token.id) is None
        assert token_cache.get_token_by_value(value) is None
        assert token_cache.get_verification_token_by_id(link.id) is None
        assert token_cache.get_verification_token_by_value(link_value) is None
        assert token_cache.get_refresh_token_by_id(session.id) is None
        assert token_cache.get_tokens_by_user(user.id) == []
        assert token_cache.get_refresh_tokens_by_user(user.id) == []
        assert token_cache.get_verification_tokens_by_user(user.id, EMAIL) == []


def test_lists_hold_only_records_of_that_user_and_type(app: Flask, user: User) -> None:
    other = add_user("other@example.org")
    mine = [add_token(user.id)[0].id for _ in range(3)]
    add_token(other.id)
    links = [add_link(user.id)[0].id for _ in range(2)]
    add_link(user.id, type=RESET)
    session = add_session(user.id).id

    assert [t.id for t in token_cache.get_tokens_by_user(user.id)] == mine
    assert [t.id for t in token_cache.get_verification_tokens_by_user(user.id, EMAIL)] == links
    assert len(token_cache.get_verification_tokens_by_user(user.id, RESET)) == 1
    assert [t.id for t in token_cache.get_refresh_tokens_by_user(user.id)] == [session]
    assert costs_no_query(app, lambda: token_cache.get_tokens_by_user(user.id))


def test_list_follows_every_change(user: User) -> None:
    first, _ = add_token(user.id)
    assert len(token_cache.get_tokens_by_user(user.id)) == 1

    add_token(user.id)
    assert len(token_cache.get_tokens_by_user(user.id)) == 2

    update_where(Token, Token.id == first.id, revoked_at=clock.now())
    db.session.commit()
    assert [t.id for t in token_cache.get_tokens_by_user(user.id)] != [first.id]
    assert len(token_cache.get_tokens_by_user(user.id)) == 1


def test_key_list_follows_rotation_and_revocation() -> None:
    before = {key.kid for key in token_cache.get_active_jwt_keys()}

    kid = keys.rotate(force=True)
    after = {key.kid for key in token_cache.get_active_jwt_keys()}
    assert before < after
    assert token_cache.get_jwt_key_by_key_id(kid).state == KeyState.ACTIVE

    keys.revoke(kid)
    assert kid not in {key.kid for key in token_cache.get_active_jwt_keys()}
    assert not is_active(token_cache.get_jwt_key_by_key_id(kid))


def test_caching_adds_entries_and_invalidating_removes_them(
    redis_server: RedisServer, user: User
) -> None:
    token, _ = add_token(user.id)
    link, _ = add_link(user.id)
    session = add_session(user.id)
    key = keys.list_keys()[0]
    pairs = [
        (token_cache.cache_token, token_cache.invalidate_token, f"token:{token.id}", token.id),
        (token_cache.cache_verification_token, token_cache.invalidate_verification_token,
         f"verification_token:{link.id}", link.id),
        (token_cache.cache_refresh_token, token_cache.invalidate_refresh_token,
         f"refresh_token:{session.id}", session.id),
        (token_cache.cache_jwt_key, token_cache.invalidate_jwt_key, f"jwt_key:{key.id}", key.id),
    ]  # fmt: skip
    for cache, invalidate, name, id in pairs:
        invalidate(id)
        assert name not in dump(redis_server)
        cache(id)
        assert name in dump(redis_server)
        invalidate(id)
        assert name not in dump(redis_server)


def test_invalidating_a_user_removes_all_their_entries_and_no_others(
    redis_server: RedisServer, user: User
) -> None:
    other = add_user("other@example.org")
    for id in (user.id, other.id):
        for _ in range(2):
            add_token(id)
            add_link(id)
            add_session(id)
        token_cache.get_tokens_by_user(id)
        token_cache.get_verification_tokens_by_user(id, EMAIL)
        token_cache.get_refresh_tokens_by_user(id)
    full = dump(redis_server)

    token_cache.invalidate_user_tokens(user.id)
    token_cache.invalidate_user_verification_tokens(user.id, EMAIL)
    token_cache.invalidate_user_refresh_tokens(user.id)

    left = dump(redis_server)
    assert len(full) - len(left) == 3 + 6
    assert not [name for name in left if str(user.id) in name]
    assert len(token_cache.get_tokens_by_user(user.id)) == 2


def test_invalidating_all_keys_removes_the_list_too(redis_server: RedisServer) -> None:
    token_cache.warm_keys()
    assert "jwt_keys" in dump(redis_server)

    token_cache.invalidate_all_jwt_keys()

    assert not [name for name in dump(redis_server) if name.startswith("jwt_key")]


def test_ttl_never_exceeds_the_kinds_limit_or_the_time_left(
    redis_server: RedisServer, user: User
) -> None:
    long, _ = add_token(user.id, days=30)
    endless, _ = add_token(user.id, days=None)
    short, _ = add_link(user.id, minutes=30)
    token_cache.warm_keys()
    for read, id in (
        (token_cache.get_token_by_id, long.id),
        (token_cache.get_token_by_id, endless.id),
        (token_cache.get_verification_token_by_id, short.id),
    ):
        read(id)

    ttl = redis_server.client.ttl
    assert 3590 <= ttl(f"token:{long.id}") <= 3600
    assert 3590 <= ttl(f"token:{endless.id}") <= 3600
    assert 1790 <= ttl(f"verification_token:{short.id}") <= 1800
    assert 86_390 <= ttl("jwt_keys") <= 86_400
    assert all(ttl(name) > 0 for name in dump(redis_server))


def test_malformed_value_costs_no_query_and_unknown_id_only_one(app: Flask, user: User) -> None:
    unknown = uuid4()
    before = queries(app)

    for value in ("", "x", "aut_" + "0" * 71, "é", "a.b", "a.b.c", "\ud800"):
        assert token_cache.get_token_by_value(value) is None
        assert token_cache.get_verification_token_by_value(value) is None
        assert token_cache.get_refresh_token_by_value(value) is None
    assert queries(app) == before
    for _ in range(5):
        assert token_cache.get_token_by_id(unknown) is None
    assert queries(app) == before + 1


def test_creating_a_row_replaces_its_cached_absence(user: User) -> None:
    id = uuid4()
    assert token_cache.get_refresh_token_by_id(id) is None

    row = add_session(user.id, commit=False)
    row.id = id
    db.session.commit()

    assert token_cache.get_refresh_token_by_id(id) is not None


def test_write_through_stores_the_committed_row_not_the_loaded_one(
    app: Flask, make_app, redis_server: RedisServer, user: User
) -> None:
    loaded = add_session(user.id)
    assert loaded.generation == 0
    with make_app().app_context():
        update_where(RefreshToken, RefreshToken.id == loaded.id, generation=7)
        db.session.commit()

    loaded.user_agent = "another browser"
    db.session.commit()

    assert token_cache.get_refresh_token_by_id(loaded.id).generation == 7
    assert token_cache.get_refresh_token_by_id(loaded.id).user_agent == "another browser"


def test_deleted_row_is_not_returned(user: User) -> None:
    row, value = add_link(user.id)
    assert token_cache.get_verification_token_by_value(value)

    db.session.delete(db.session.get(VerificationToken, row.id))
    db.session.commit()

    assert token_cache.get_verification_token_by_value(value) is None


def test_seven_store_operations(redis_server: RedisServer) -> None:
    store = token_cache.store

    assert store.get("x:1") is None
    assert store.set("x:1", {"n": [1, "two", None]}, timedelta(minutes=1))
    assert store.get("x:1") == {"n": [1, "two", None]}
    assert store.exists("x:1")
    assert not store.set_nx("x:1", 2, 60)
    assert store.set_nx("x:2", 2, 60)
    assert [store.increment("x:n") for _ in range(3)] == [1, 2, 3]
    assert store.increment("x:2") == 3
    assert store.delete("x:1")
    assert not store.exists("x:1")
    assert store.delete_pattern("x:*") == 2
    assert dump(redis_server).keys() & {"x:1", "x:2", "x:n"} == set()
    store.set("x:3", "text", 60)
    with pytest.raises(InputRefused):
        store.increment("x:3")


def test_store_keeps_flask_caching_method_names(redis_server: RedisServer) -> None:
    store = token_cache.store

    assert store.add("y:1", 1)
    assert store.has("y:1")
    assert store.set_many({"y:2": 2, "y:3": 3}) == ["y:2", "y:3"]
    assert store.get_many("y:1", "y:2", "y:4") == [1, 2, None]
    assert store.get_dict("y:1", "y:3") == {"y:1": 1, "y:3": 3}
    assert store.inc("y:1") == 2
    store.delete_many("y:1", "y:2")
    assert store.get_many("y:1", "y:3") == [None, 3]
    assert store.clear()
    assert dump(redis_server) == {}


def test_deleting_by_pattern_respects_fences(
    app: Flask, redis_server: RedisServer, user: User
) -> None:
    row = add_session(user.id)
    protocol = app.extensions["token_cache"].backend
    key = f"refresh_token:{row.id}"
    protocol.fence(b"w" * 16, [key])

    token_cache.store.delete_pattern("refresh_token:*")
    token_cache.store.set(key, "anything", 60)

    assert dump(redis_server)[key] == b"f1" + b"w" * 16


def test_without_redis_the_store_misses_and_journals_deletions(
    make_app: Callable[..., Flask], redis_server: RedisServer
) -> None:
    app = make_app(**HURRIED)
    with app.app_context():
        store = token_cache.store
        store.set("x:1", 1, 60)
        redis_server.freeze()

        assert store.get("x:1") is None
        assert not store.set("x:2", 2, 60)
        store.delete("x:1")
        redis_server.thaw()

        breaker = app.extensions["token_cache"].backend.trust.breaker
        assert breaker.wait_until_closed(PATIENCE_SECONDS)
        assert store.get("x:1") is None


def test_without_redis_url_all_reads_use_the_database(make_app, user: User) -> None:
    with make_app(REDIS_URL="").app_context():
        row, value = add_token(user.id)

        assert token_cache.get_token_by_value(value).id == row.id
        token_cache.invalidate_user_tokens(user.id)
        assert token_cache.get_tokens_by_user(user.id)[0].id == row.id
        assert token_cache.store.get("x") is None
        assert not token_cache.store.set("x", 1)
        assert not token_cache.store.exists("x")
        assert token_cache.store.delete("x")
