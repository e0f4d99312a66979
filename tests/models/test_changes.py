"""Tracking which cached rows a transaction changes."""

import pytest
from flask import Flask
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.models import RefreshToken, User, db
from authapp.models.changes import changed_rows, update_where
from authapp.token_cache import token_cache
from tests.token_cache.rows import add_session


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
