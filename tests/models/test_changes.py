"""Tracking which cached rows a transaction changes."""

import pytest
from flask import Flask
from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.models import RefreshToken, User, db
from authapp.models.base import table_of
from authapp.models.changes import changed_rows, run_update, update_where
from authapp.token_cache import token_cache
from authapp.token_cache.records import REFRESH_TOKEN
from tests.token_cache.rows import add_session

SESSIONS = table_of(RefreshToken)
ROTATION = (
    update(SESSIONS)
    .where(SESSIONS.c.id == bindparam("session_id"))
    .values(generation=SESSIONS.c.generation + 1)
    .returning(*REFRESH_TOKEN.columns())
)


@pytest.mark.parametrize(
    "statement",
    [update(RefreshToken).values(generation=1), delete(RefreshToken), insert(RefreshToken)],
)
def test_an_untracked_bulk_write_is_refused(app: Flask, statement) -> None:
    with app.app_context(), pytest.raises(RuntimeError, match="update_where"):
        db.session.execute(statement)


def test_a_rollback_discards_tracked_changes(app: Flask, user: User) -> None:
    with app.app_context():
        add_session(user.id, commit=False)
        db.session.flush()
        assert changed_rows(db.session())

        db.session.rollback()

        assert not changed_rows(db.session())


def test_changes_before_a_rolled_back_savepoint_still_reach_the_cache(
    app: Flask, user: User
) -> None:
    with app.app_context():
        id = add_session(user.id).id
        assert token_cache.get_refresh_token_by_id(id).ended_at is None

        update_where(RefreshToken, RefreshToken.id == id, ended_at=clock.now())
        with pytest.raises(IntegrityError), db.session.begin_nested():
            add_user_like(user)
        db.session.commit()

        assert token_cache.get_refresh_token_by_id(id).ended_at is not None


def test_a_savepoint_rollback_discards_its_tracked_changes(app: Flask, user: User) -> None:
    with app.app_context():
        add_session(user.id, commit=False)
        db.session.begin_nested()
        db.session.flush()

        db.session.rollback()
        db.session.rollback()

        assert not changed_rows(db.session())


def test_a_row_that_changes_after_an_update_returned_it_is_cached_as_committed(
    app: Flask, user: User
) -> None:
    with app.app_context():
        first, second = add_session(user.id).id, add_session(user.id).id

        run_update(RefreshToken, ROTATION, {"session_id": first})
        update_where(RefreshToken, RefreshToken.id == first, ended_at=clock.now())
        run_update(RefreshToken, ROTATION, {"session_id": second})
        db.session.get(RefreshToken, second).user_agent = "another"
        db.session.commit()

        ended, renamed = map(token_cache.get_refresh_token_by_id, (first, second))
        assert (ended.generation, ended.ended_at is None) == (1, False)
        assert (renamed.generation, renamed.user_agent) == (1, "another")


def test_a_row_that_an_update_returned_in_a_rolled_back_savepoint_is_cached_as_committed(
    app: Flask, user: User
) -> None:
    with app.app_context():
        id = add_session(user.id).id

        update_where(RefreshToken, RefreshToken.id == id, ended_at=clock.now())
        savepoint = db.session.begin_nested()
        run_update(RefreshToken, ROTATION, {"session_id": id})
        savepoint.rollback()
        db.session.commit()

        cached = token_cache.get_refresh_token_by_id(id)
        assert (cached.generation, cached.ended_at is None) == (0, False)


def add_user_like(user: User) -> None:
    """Add an account that owns the same address."""
    db.session.add(
        User(
            email=user.email,
            email_key=user.email_key,
            email_verified_at=user.email_verified_at,
            password_hash="x",
        )
    )
    db.session.flush()
