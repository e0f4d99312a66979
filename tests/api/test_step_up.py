"""Programs ask their users to confirm who they are, as RFC 9470 describes."""

from collections.abc import Callable

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp.models import Scope, User
from tests.api.calling import bearing, begin, new_token, without_cookies
from tests.support.accounts import PASSWORD
from tests.support.second_factors import code_of, enroll, wrong_code

STALE = 8
"""Minutes; the access token lives for 10, so PASSWORD_FRESHNESS is shortened."""


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(PASSWORD_FRESHNESS="300")


@pytest.fixture
def program(app: Flask) -> FlaskClient:
    return without_cookies(app)


def confirm(program: FlaskClient, token: str, **body: str) -> TestResponse:
    (way,) = body
    return program.post(f"/api/v1/confirm/{way}", headers=bearing(token), json=body)


@pytest.mark.parametrize("way", ["password", "code"])
def test_a_program_learns_that_it_must_ask_and_continues_with_the_new_token(
    app: Flask,
    program: FlaskClient,
    user: User,
    move_time: Callable[..., object],
    way: str,
) -> None:
    session = begin(app, user)
    with app.app_context():
        secret, _ = enroll(user.id)
    with move_time(minutes=STALE):
        refused = program.get("/api/v1/sessions", headers=bearing(session.access_token))
        proof = {"password": PASSWORD, "code": code_of(secret)}[way]
        confirmed = confirm(program, session.access_token, **{way: proof})
        again = program.get("/api/v1/sessions", headers=bearing(confirmed.json["access_token"]))

    assert refused.status_code == 401
    assert refused.json["type"].endswith("proof-too-old")
    challenge = 'Bearer error="insufficient_user_authentication", max_age="300"'
    assert refused.headers["WWW-Authenticate"] == challenge
    assert confirmed.status_code == 200
    assert again.status_code == 200


def test_the_new_token_says_what_was_proved(app: Flask, program: FlaskClient, user: User) -> None:
    session = begin(app, user)
    with app.app_context():
        secret, _ = enroll(user.id)

    answer = confirm(program, session.access_token, code=code_of(secret))

    claims = jwt.decode(answer.json["access_token"], options={"verify_signature": False})
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    renewed = program.post(
        "/api/v1/refresh", json={"refresh_token": answer.json["refresh_token"]}
    ).json["access_token"]
    claims = jwt.decode(renewed, options={"verify_signature": False})
    assert claims["amr"] == ["pwd", "otp", "mfa"]


def test_what_is_wrong_is_named_and_the_token_stays_valid(
    app: Flask, program: FlaskClient, user: User
) -> None:
    session = begin(app, user)
    with app.app_context():
        secret, _ = enroll(user.id)
    code = code_of(secret)

    answers = [
        confirm(program, session.access_token, password="not the password"),
        confirm(program, session.access_token, code=wrong_code(secret)),
        confirm(program, session.access_token, code="12 34"),
    ]
    confirm(program, session.access_token, code=code)
    answers.append(confirm(program, session.access_token, code=code))

    assert [answer.status_code for answer in answers] == [422] * 4
    assert [answer.json["errors"][0]["code"] for answer in answers] == [
        "wrong", "wrong_from_app", "not_a_code_from_app", "used",
    ]  # fmt: skip
    assert program.get("/api/v1/me", headers=bearing(session.access_token)).status_code == 200


def test_guessing_ends_the_session(app: Flask, program: FlaskClient, user: User) -> None:
    session = begin(app, user)

    answers = [confirm(program, session.access_token, password="wrong") for _ in range(10)]

    assert [answer.status_code for answer in answers] == [422] * 9 + [401]
    assert answers[-1].json["reason"] == "password_guessed"
    assert program.get("/api/v1/me", headers=bearing(session.access_token)).status_code == 401


def test_a_pending_sign_in_and_an_api_token_confirm_nothing(
    app: Flask, program: FlaskClient, user: User
) -> None:
    token = new_token(app, user, *Scope)
    with app.app_context():
        secret, _ = enroll(user.id)
    body = {"email": user.email, "password": PASSWORD}
    pending = program.post("/api/v1/login", json=body).json["pending"]

    assert confirm(program, pending, code=code_of(secret)).status_code == 401
    assert confirm(program, token, code=code_of(secret)).status_code == 403
