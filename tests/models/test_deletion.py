"""Deleting a user leaves no trace in Redis, and there is one way to do it."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import delete

from authapp.models import User, VerificationType, db, delete_user
from authapp.token_cache import token_cache
from tests.support.accounts import add_user
from tests.support.redis import dump
from tests.support.servers import RedisServer
from tests.token_cache.rows import add_link, add_session, add_token


def test_nothing_of_a_deleted_user_remains_in_redis(
    context: None, redis_server: RedisServer, user: User
) -> None:
    other = add_user("other@example.org")
    traces = {str(user.id)}
    for person in (user, other):
        made = [add_token(person.id)[0].id, add_link(person.id)[0].id, add_session(person.id).id]
        if person is user:
            traces |= {str(id) for id in made}
        token_cache.get_tokens_by_user(person.id)
        token_cache.get_refresh_tokens_by_user(person.id)
        for type in VerificationType:
            token_cache.get_verification_tokens_by_user(person.id, type)
    before = dump(redis_server)
    assert all(any(trace in name for name in before) for trace in traces)

    assert delete_user(user.id)
    db.session.commit()

    after = dump(redis_server)
    assert not [name for name in after if any(trace in name for trace in traces)]
    assert [name for name in after if str(other.id) in name]
    assert token_cache.get_tokens_by_user(user.id) == []


def test_a_session_added_during_deletion_is_deleted_too(
    app: Flask, make_app: Callable[..., Flask], redis_server: RedisServer, user: User
) -> None:
    deleter = make_app()
    is_deleted = threading.Event()

    def delete_it() -> None:
        with deleter.app_context():
            delete_user(user.id)
            db.session.commit()
            is_deleted.set()

    with app.app_context():
        added = add_session(user.id, commit=False)
        db.session.flush()
        thread = threading.Thread(target=delete_it)
        thread.start()
        assert not is_deleted.wait(0.3), "it waits for whoever was first"
        id = added.id
        db.session.commit()
    thread.join()

    assert is_deleted.is_set()
    with app.app_context():
        assert token_cache.get_refresh_token_by_id(id) is None
    assert f"refresh_token:{id}" not in dump(redis_server)


def test_a_deletion_that_is_rolled_back_deletes_nothing(context: None, user: User) -> None:
    session_id = add_session(user.id).id

    delete_user(user.id)
    db.session.rollback()

    assert token_cache.get_refresh_token_by_id(session_id)
    assert db.session.get(User, user.id)


def test_deleting_an_absent_user_returns_false(context: None, user: User) -> None:
    assert delete_user(user.id)
    assert not delete_user(user.id)


def test_users_cannot_be_deleted_without_delete_user(context: None, user: User) -> None:
    with pytest.raises(RuntimeError, match="delete_user"):
        db.session.execute(delete(User).where(User.id == user.id))
    db.session.delete(db.session.get(User, user.id))
    with pytest.raises(RuntimeError, match="delete_user"):
        db.session.commit()
    db.session.rollback()

    assert db.session.get(User, user.id)
