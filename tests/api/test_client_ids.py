"""The `client_id` of a session's tokens: `web` if it began on the pages, `api` in a program."""

from typing import Any

import jwt
from flask import Flask
from flask.testing import FlaskClient

from authapp.models import Scope, User
from tests.api.calling import bearing, new_token, without_cookies
from tests.support.accounts import PASSWORD
from tests.support.browsing import cookie, sign_in


def claim(access_token: str) -> Any:
    return jwt.decode(access_token, options={"verify_signature": False})["client_id"]


def test_a_session_that_began_on_the_pages_stays_one_of_the_web(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    first, refresh_token = cookie(client, "access_token"), cookie(client, "refresh_token")

    renewed = without_cookies(app).post("/api/v1/refresh", json={"refresh_token": refresh_token})

    assert claim(first) == claim(renewed.json["access_token"]) == "web"


def test_a_session_that_began_in_a_program_stays_one_of_the_api(app: Flask, user: User) -> None:
    program = without_cookies(app)
    given = {"email": user.email, "password": PASSWORD}
    first = program.post("/api/v1/login", json=given).json

    renewed = program.post("/api/v1/refresh", json={"refresh_token": first["refresh_token"]}).json
    confirmed = program.post(
        "/api/v1/confirm/password",
        headers=bearing(renewed["access_token"]),
        json={"password": PASSWORD},
    ).json

    tokens = [each["access_token"] for each in (first, renewed, confirmed)]
    assert {claim(token) for token in tokens} == {"api"}


def test_introspection_reports_it(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client)
    gateway = bearing(new_token(app, user, Scope.INTROSPECT))

    for name in ("access_token", "refresh_token"):
        told = without_cookies(app).post(
            "/oauth/introspect", headers=gateway, data={"token": cookie(client, name)}
        )
        assert told.json["client_id"] == "web"
