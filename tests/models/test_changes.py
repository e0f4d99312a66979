"""Noting which cached rows a transaction changes."""

import pytest
from flask import Flask
from sqlalchemy import delete, insert, update

from authapp.models import RefreshToken, User, db
from authapp.models.changes import changed_rows
from tests.token_cache.rows import add_session


@pytest.mark.parametrize(
    "statement",
    [update(RefreshToken).values(generation=1), delete(RefreshToken), insert(RefreshToken)],
)
def test_a_bulk_write_that_would_go_unnoted_is_refused(app: Flask, statement) -> None:
    with app.app_context(), pytest.raises(RuntimeError, match="update_where"):
        db.session.execute(statement)


def test_a_rollback_forgets_the_notes(app: Flask, user: User) -> None:
    with app.app_context():
        add_session(user.id, commit=False)
        db.session.flush()
        assert changed_rows(db.session())

        db.session.rollback()

        assert not changed_rows(db.session())
