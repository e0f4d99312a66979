"""The identity that `/auth/check` reports to a reverse proxy."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.models import Scope, User
from tests.api.calling import bearing, begin, new_token, without_cookies
from tests.support.browsing import cookie, is_signed_in, post, sign_in
from tests.support.servers import RedisServer

IDENTITY = {"X-Auth-User-Id", "X-Auth-Session-Id", "X-Auth-Token-Id", "X-Auth-Scopes",
            "X-Auth-Roles", "X-Auth-Time"}  # fmt: skip


def test_a_browser_is_identified_by_its_cookie(client: FlaskClient, user: User) -> None:
    sign_in(client)

    answer = client.get("/auth/check")

    assert answer.status_code == 204
    assert answer.get_data() == b""
    assert answer.headers["X-Auth-User-Id"] == str(user.id)
    assert answer.headers["X-Auth-Session-Id"]
    assert int(answer.headers["X-Auth-Time"]) > 0
    assert answer.headers["X-Auth-Token-Id"] == answer.headers["X-Auth-Scopes"] == ""
    assert "Set-Cookie" not in answer.headers


def test_a_program_is_identified_by_its_session_or_api_token(app: Flask, user: User) -> None:
    client, session = without_cookies(app), begin(app, user)
    token = new_token(app, user, Scope.SESSIONS_READ, Scope.ACCOUNT_READ)

    by_session = client.get("/auth/check", headers=bearing(session.access_token))
    by_token = client.get("/auth/check", headers=bearing(token))

    assert by_session.headers["X-Auth-Session-Id"] == str(session.identity.session_id)
    assert by_token.headers["X-Auth-User-Id"] == str(user.id)
    assert by_token.headers["X-Auth-Token-Id"]
    assert by_token.headers["X-Auth-Scopes"] == "account:read sessions:read"
    assert by_token.headers["X-Auth-Session-Id"] == ""


def test_every_identity_header_is_always_present(app: Flask, user: User) -> None:
    client = without_cookies(app)
    values = [begin(app, user).access_token, new_token(app, user, Scope.ACCOUNT_READ)]

    for value in values:
        assert set(client.get("/auth/check", headers=bearing(value)).headers.keys()) >= IDENTITY


def test_a_request_without_credentials_gets_a_challenge_without_an_error_code(
    client: FlaskClient,
) -> None:
    answer = client.get("/auth/check")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert not IDENTITY & set(answer.headers.keys())


@pytest.mark.parametrize("value", ["", "x", "aut_x", "a.b.c", "\xff\xfe", "." * 5000])
def test_malformed_credentials_are_refused(client: FlaskClient, user: User, value: str) -> None:
    by_header = client.get("/auth/check", headers={"Authorization": f"Bearer {value}"})
    cookies = f"access_token={value}; refresh_token={value}"
    by_cookie = client.get("/auth/check", headers={"Cookie": cookies})

    assert by_header.status_code == by_cookie.status_code == 401


def test_an_invalid_bearer_token_is_refused_despite_a_valid_cookie(
    client: FlaskClient, user: User
) -> None:
    sign_in(client)

    assert client.get("/auth/check", headers=bearing("aut_x")).status_code == 401
    assert client.get("/auth/check", headers={"Authorization": "Basic eDp5"}).status_code == 204


def test_a_refresh_token_is_accepted_between_visits_without_being_rotated(
    client: FlaskClient, user: User, move_time: Callable
) -> None:
    sign_in(client, remember="y")
    before = cookie(client, "refresh_token")

    with move_time(hours=5):
        answers = [client.get("/auth/check") for _ in range(3)]

        assert [answer.status_code for answer in answers] == [204] * 3
        assert not [answer for answer in answers if "Set-Cookie" in answer.headers]
        assert cookie(client, "refresh_token") == before
        assert is_signed_in(client)
        assert cookie(client, "refresh_token") != before
        assert client.get("/auth/check").status_code == 204
    with move_time(days=15):
        assert client.get("/auth/check").status_code == 401


def test_a_refresh_token_that_was_accepted_is_refused_after_the_overlap(
    client: FlaskClient, user: User, move_time: Callable
) -> None:
    """A process remembers that it accepted the token, and its session does not change."""
    sign_in(client, remember="y")
    other_tab = client.application.test_client()
    other_tab.set_cookie("refresh_token", cookie(client, "refresh_token"))
    with move_time(minutes=11):
        assert is_signed_in(client)
        assert other_tab.get("/auth/check").status_code == 204

    with move_time(minutes=13):
        assert other_tab.get("/auth/check").status_code == 401


def test_a_refresh_token_that_was_accepted_as_a_cookie_is_no_bearer_token(
    client: FlaskClient, user: User
) -> None:
    sign_in(client, remember="y")
    value = cookie(client, "refresh_token")
    browser = client.application.test_client()
    browser.set_cookie("refresh_token", value)
    assert browser.get("/auth/check").status_code == 204

    assert browser.get("/auth/check", headers=bearing(value)).status_code == 401


def test_an_old_refresh_token_is_refused_without_ending_the_session(
    app: Flask, client: FlaskClient, user: User, move_time: Callable
) -> None:
    sign_in(client, remember="y")
    old = cookie(client, "refresh_token")
    with move_time(minutes=11):
        assert is_signed_in(client)
    thief = app.test_client()
    thief.set_cookie("refresh_token", old)

    with move_time(minutes=20):
        assert thief.get("/auth/check").status_code == 401
        assert client.get("/auth/check").status_code == 204


def test_signing_out_takes_effect_in_every_process_at_once(
    make_app: Callable[..., Flask], client: FlaskClient, user: User
) -> None:
    sign_in(client)
    elsewhere = make_app().test_client()
    for name in ("access_token", "refresh_token"):
        elsewhere.set_cookie(name, cookie(client, name))
    assert elsewhere.get("/auth/check").status_code == 204

    post(client, "/logout", page="/account")

    assert elsewhere.get("/auth/check").status_code == 401


def test_an_outage_is_never_a_refusal(
    app: Flask,
    client: FlaskClient,
    user: User,
    redis_server: RedisServer,
    lose_database: Callable[[], None],
) -> None:
    token = new_token(app, user, Scope.ACCOUNT_READ)
    sign_in(client)
    redis_server.kill()
    assert client.get("/auth/check").status_code == 204

    lose_database()

    for headers in ({}, bearing(token)):
        answer = client.get("/auth/check", headers=headers)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0


def test_program_endpoints_never_renew_a_cookie(
    client: FlaskClient, user: User, move_time: Callable
) -> None:
    sign_in(client)

    with move_time(minutes=11):
        for path in ("/api/nothing", "/oauth/revoke", "/.well-known/jwks.json", "/auth/nothing"):
            with client.get(path) as answer:
                assert "Set-Cookie" not in answer.headers
