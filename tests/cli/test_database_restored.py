"""`flask security database-restored`: what was revoked after a backup does not work again."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from authapp.models import JWTKey, KeyState, Scope, User, db
from authapp.services import api_tokens, keys, password_reset
from tests.api.calling import bearing, begin, new_token, without_cookies
from tests.support.accounts import HERE
from tests.support.messages import newest_to
from tests.support.on_sqlite import on_sqlite

pytestmark = on_sqlite


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite database over another, as restoring a backup does."""
    with sqlite3.connect(source) as taken, sqlite3.connect(target) as restored:
        taken.backup(restored)


def status(app: Flask, token: str) -> int:
    return without_cookies(app).get("/api/v1/me", headers=bearing(token)).status_code


def restored(app: Flask, *options: str) -> tuple[int, str]:
    ended = app.test_cli_runner().invoke(args=["security", "database-restored", *options])
    return ended.exit_code, ended.output


def test_nothing_that_was_issued_works_after_the_command(
    make_app: Callable[..., Flask], app: Flask, user: User, environ: dict[str, str], tmp_path: Path
) -> None:
    database = Path(environ["DATABASE_URL"].removeprefix("sqlite:///"))
    ended, revoked = begin(app, user), new_token(app, user, Scope.ACCOUNT_READ)
    with app.app_context():
        password_reset.request(user.email, client=HERE)
        password_reset.answer_requests()
        link = newest_to(app, user.email, r"/password/reset/(\S+)")
        kid = db.session.scalars(db.select(JWTKey.kid).where(JWTKey.state == KeyState.ACTIVE)).one()
    copy_database(database, tmp_path / "backup.db")
    later, unknown = begin(app, user), new_token(app, user, Scope.ACCOUNT_READ)
    with app.app_context():
        (first, *_) = api_tokens.list_tokens(user.id)
        api_tokens.revoke(user.id, first.token.id, client=HERE)
        keys.revoke(kid)
    assert status(app, unknown) == 200
    copy_database(tmp_path / "backup.db", database)

    code, output = restored(make_app(), "--yes")

    serving = make_app()
    assert (code, output.splitlines()[-1]) == (
        0,
        "signing keys replaced; sessions ended: 1; API tokens revoked: 1",
    )
    for token in (ended.access_token, revoked, later.access_token, unknown):
        assert status(serving, token) == 401
    for session in (ended, later):
        body = {"refresh_token": session.refresh_token}
        assert without_cookies(serving).post("/api/v1/refresh", json=body).status_code == 401
    answer = serving.test_client().get(f"/password/reset/{link}", follow_redirects=True)
    assert answer.status_code == 410
    assert status(serving, begin(serving, user).access_token) == 200


def test_nothing_ends_without_confirmation(app: Flask, client: FlaskClient, user: User) -> None:
    token = new_token(app, user, Scope.ACCOUNT_READ)

    assert restored(app)[0] == 1

    assert status(app, token) == 200
