"""A fault that only an operator can fix is named as one, and costs no user any guesses."""

import base64
import os
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.models import AuthenticatorApp, JWTKey, KeyState, User, db
from authapp.models.changes import update_where
from authapp.models.transaction import transaction
from tests.api.calling import bearing, begin
from tests.support.accounts import PASSWORD
from tests.support.browsing import hidden, post, sign_in
from tests.support.messages import newest_verification_link
from tests.support.second_factors import code_of, enroll

CREDENTIALS = {"email": "somebody@example.org", "password": PASSWORD}
LIMITS = {
    "LIMIT_SIGN_IN": "3/1h",
    "LIMIT_SECOND_FACTOR": "3/1h",
    "LIMIT_CONFIRM_PASSWORD": "3",
}
TRIES = 4


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(**LIMITS)


@pytest.fixture
def broken(make_app: Callable[..., Flask]) -> Flask:
    """A process whose KEY_ENCRYPTION_KEYS were replaced without `flask keys rewrap`."""
    another = base64.urlsafe_b64encode(os.urandom(32)).decode()
    return make_app(**LIMITS, KEY_ENCRYPTION_KEYS=another)


def refused(browser: FlaskClient, path: str, page: str | None = None, **fields: str) -> None:
    """Send a form more often than guesses are allowed, and get the true reason each time."""
    for _ in range(TRIES):
        answer = post(browser, path, page, **fields)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "60"
        assert "There is a fault in our configuration" in answer.get_data(as_text=True)


def replace_sealed(user: User, sealed: bytes) -> bytes:
    """Store another secret of the user's app, and return the previous one."""
    with transaction():
        row = db.session.get_one(AuthenticatorApp, user.id)
        former, row.secret_sealed = row.secret_sealed, sealed
    return former


def test_signing_in_names_the_fault_and_counts_no_guess(
    app: Flask, broken: Flask, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    refused(broken.test_client(), "/login", **CREDENTIALS)

    assert "signing_key_not_decrypted" in caplog.text
    sign_in(app.test_client())


def test_programs_are_told_too(app: Flask, broken: Flask, user: User) -> None:
    session = begin(app, user)
    caller = broken.test_client()

    answers = [
        caller.post("/api/v1/login", json=CREDENTIALS),
        caller.post("/api/v1/refresh", json={"refresh_token": session.refresh_token}),
    ]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert {answer.json["type"] for answer in answers} == {"urn:authapp:problem:misconfigured"}
    me = caller.get("/api/v1/me", headers=bearing(session.access_token))
    assert me.status_code == 200


def test_confirming_the_password_counts_no_guess(
    app: Flask, broken: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    client.application = broken
    refused(client, "/account/confirm", "/account", password=PASSWORD)

    client.application = app
    assert post(client, "/account/confirm", "/account", password=PASSWORD).status_code == 303


def test_an_app_that_cannot_be_decrypted_costs_no_guesses(
    app: Flask, client: FlaskClient, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    with app.app_context():
        secret, _ = enroll(user.id)
        sealed = replace_sealed(user, os.urandom(64))
    page = post(client, "/login", **CREDENTIALS).headers["Location"]

    refused(client, page, code=code_of(secret))

    assert "authenticator_app_not_decrypted" in caplog.text
    with app.app_context():
        replace_sealed(user, sealed)
    assert post(client, page, code=code_of(secret)).status_code == 303


def test_confirming_with_a_code_counts_no_guess(
    app: Flask, broken: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    with app.app_context():
        secret, _ = enroll(user.id)
    client.application = broken
    refused(client, "/account/confirm", "/account", code=code_of(secret))

    client.application = app
    answer = post(client, "/account/confirm", "/account", code=code_of(secret))
    assert answer.status_code == 303


def test_confirming_an_address_counts_no_guess(
    app: Flask, broken: Flask, client: FlaskClient
) -> None:
    post(client, "/register", email="new@example.org", password=PASSWORD)
    link = newest_verification_link(app)
    client.application = broken
    refused(client, link)

    client.application = app
    assert post(client, link).status_code == 303


def test_a_missing_signing_key_is_named(
    app: Flask, client: FlaskClient, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    form = hidden(client.get("/login").get_data(as_text=True))
    with app.app_context(), transaction():
        update_where(JWTKey, JWTKey.state == KeyState.ACTIVE, state=KeyState.REVOKED)

    answer = client.post("/login", data={**form, **CREDENTIALS})

    assert answer.status_code == 503
    assert "no_signing_key" in caplog.text
    assert client.get("/readyz").json["signing_keys"] == "missing"
