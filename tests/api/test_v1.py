"""`/api/v1/`, as a program uses it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp import clock
from authapp.delivery import outbox
from authapp.models import Activity, Scope, User
from authapp.services import activity
from tests.api.calling import bearing, begin, new_token, without_cookies
from tests.support.accounts import PASSWORD, add_user
from tests.support.browsing import cookie, sign_in
from tests.support.on_sqlite import on_sqlite
from tests.support.second_factors import code_of, enroll, wrong_code
from tests.support.servers import RedisServer

PROBLEM = "urn:authapp:problem:"


@pytest.fixture
def program(app: Flask) -> FlaskClient:
    return without_cookies(app)


def log_in(program: FlaskClient, user: User, **fields: Any) -> TestResponse:
    body = {"email": user.email, "password": PASSWORD, **fields}
    return program.post("/api/v1/login", json=body)


def mails(app: Flask) -> list[str]:
    with app.app_context():
        return [message.message for message in outbox.list_recent()]


def kind(answer: TestResponse) -> str:
    """Return the type of a problem, having looked at the rest of it."""
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == answer.status_code
    assert answer.json["title"]
    assert answer.json["detail"].endswith(".")
    assert answer.headers["Cache-Control"] == "no-store"
    return str(answer.json["type"]).removeprefix(PROBLEM)


def test_a_known_device_triggers_no_email(app: Flask, program: FlaskClient, user: User) -> None:
    device = log_in(program, user).json["device"]

    again = log_in(program, user, device=device)
    known = mails(app)
    unknown = log_in(program, user, device="é nonsense")

    assert again.json["device"] == device
    assert known == []
    assert unknown.status_code == 200
    assert mails(app) == ["new_device"]


def test_a_program_signs_in_refreshes_and_signs_out(program: FlaskClient, user: User) -> None:
    first = log_in(program, user)
    assert first.status_code == 200
    assert first.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in first.headers
    assert first.json["token_type"] == "Bearer"
    assert 590 <= first.json["expires_in"] <= 600

    second = program.post(
        "/api/v1/refresh", json={"refresh_token": first.json["refresh_token"]}
    ).json
    assert second["refresh_token"] != first.json["refresh_token"]
    me = program.get("/api/v1/me", headers=bearing(second["access_token"])).json
    assert (me["id"], me["email"]) == (str(user.id), user.email)

    header = bearing(second["access_token"])
    assert program.post("/api/v1/logout", headers=header).status_code == 204
    refused = program.get("/api/v1/me", headers=header)
    assert (refused.status_code, kind(refused)) == (401, "token-revoked")
    assert refused.json["reason"] == "signed_out"
    again = program.post("/api/v1/refresh", json={"refresh_token": second["refresh_token"]})
    assert (again.status_code, kind(again)) == (401, "token-revoked")


def test_a_program_signs_in_with_a_second_factor(
    app: Flask, program: FlaskClient, user: User
) -> None:
    with app.app_context():
        secret, _ = enroll(user.id)

    refused = log_in(program, user)
    wrong = program.post(
        "/api/v1/login/code", json={"pending": refused.json["pending"], "code": wrong_code(secret)}
    )
    signed_in = program.post(
        "/api/v1/login/code", json={"pending": refused.json["pending"], "code": code_of(secret)}
    )

    assert refused.status_code == 403
    assert kind(refused) == "second-factor-required"
    assert "access_token" not in refused.json
    assert (wrong.status_code, kind(wrong)) == (422, "input-refused")
    me = program.get("/api/v1/me", headers=bearing(signed_in.json["access_token"]))
    assert me.json["email"] == user.email


def test_a_program_has_its_device_remembered(app: Flask, program: FlaskClient, user: User) -> None:
    with app.app_context():
        secret, codes = enroll(user.id)
    pending = log_in(program, user).json["pending"]
    body = {"pending": pending, "code": code_of(secret), "remember_device": True}

    first = program.post("/api/v1/login/code", json=body).json
    again = log_in(program, user, remembered_device=first["remembered_device"])
    by_recovery_code = program.post("/api/v1/login/code", json={**body, "code": codes[0]})

    assert again.status_code == 200
    assert again.json["remembered_device"] is None
    claims = jwt.decode(again.json["access_token"], options={"verify_signature": False})
    assert claims["amr"] == ["pwd"]
    assert by_recovery_code.json["remembered_device"] is None
    assert log_in(program, user, remembered_device="nonsense").status_code == 403


@pytest.mark.parametrize("pending", ["", "x", "a.b", "\u00e9", "WyJ4Il0.AAAA"])
def test_a_forged_pending_sign_in_is_refused(program: FlaskClient, pending: str) -> None:
    answer = program.post("/api/v1/login/code", json={"pending": pending, "code": "123456"})

    assert (answer.status_code, kind(answer)) == (401, "token-invalid")


def test_a_wrong_password_is_refused_like_an_unknown_address(
    program: FlaskClient, user: User
) -> None:
    wrong = log_in(program, user, password="not the password")
    unknown = log_in(program, user, email="nobody@example.org")

    assert (wrong.status_code, wrong.json) == (unknown.status_code, unknown.json)
    assert (wrong.status_code, kind(wrong)) == (401, "credentials-refused")


def test_sign_ins_are_recorded_as_on_the_pages(
    app: Flask, program: FlaskClient, user: User
) -> None:
    log_in(program, user, password="not the password")
    log_in(program, user)

    with app.app_context():
        noted = {each.activity for each in activity.list_recent(user.id)}
    assert noted == {Activity.SIGN_IN_REFUSED, Activity.SIGNED_IN}


def test_a_cookie_is_never_accepted(client: FlaskClient, user: User) -> None:
    sign_in(client)

    for method, path in (("get", "me"), ("get", "sessions"), ("delete", "sessions"),
                         ("post", "logout"), ("get", "tokens"), ("post", "tokens")):  # fmt: skip
        answer = client.open(f"/api/v1/{path}", method=method, json={})
        assert (answer.status_code, kind(answer)) == (401, "token-missing")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/account").status_code == 200
    assert client.get("/api/v1/me", headers=bearing(cookie(client, "access_token"))).json


@on_sqlite
@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {("email", "missing"), ("password", "missing")}),
        ({"email": 1, "password": None}, {("email", "malformed"), ("password", "malformed")}),
        ({"email": "a", "password": "b", "remember": "yes"}, {("remember", "malformed")}),
        ({"email": "a", "password": "b", "admin": True}, {("admin", "unknown")}),
        ([], {("", "not_an_object")}),
        ("x", {("", "not_an_object")}),
    ],
)
def test_every_invalid_field_is_named(
    program: FlaskClient, body: Any, faults: set[tuple[str, str]]
) -> None:
    answer = program.post("/api/v1/login", json=body)

    assert (answer.status_code, kind(answer)) == (422, "input-refused")
    assert {(fault["field"], fault["code"]) for fault in answer.json["errors"]} == faults


@on_sqlite
@pytest.mark.parametrize(
    ("data", "content_type", "status", "type"),
    [
        (b"{", "application/json", 400, "body-malformed"),
        (b'{"email": "a", "password": "b"}', "text/plain", 415, "media-type-unsupported"),
        (b"email=a", "application/x-www-form-urlencoded", 415, "media-type-unsupported"),
        (b'{"email": "a"}', "", 415, "media-type-unsupported"),
        (b'"' + b"x" * 300_000 + b'"', "application/json", 413, "body-too-large"),
    ],
)
def test_a_malformed_body_is_refused(
    program: FlaskClient, data: bytes, content_type: str, status: int, type: str
) -> None:
    answer = program.post("/api/v1/login", data=data, content_type=content_type)

    assert (answer.status_code, kind(answer)) == (status, type)


@pytest.mark.parametrize(
    "value", ["\x00", "a\x00@example.org", "x" * 5000, "@", "\u202e", "é" * 99]
)
def test_hostile_text_in_a_field_is_refused(program: FlaskClient, value: str) -> None:
    answer = program.post("/api/v1/login", json={"email": value, "password": value})
    refreshed = program.post("/api/v1/refresh", json={"refresh_token": value})

    assert answer.status_code == refreshed.status_code == 401


def test_unknown_paths_and_methods_return_problem_documents(program: FlaskClient) -> None:
    assert kind(program.get("/api/v1/nothing")) == "path-unknown"
    answer = program.get("/api/v1/login")
    assert (answer.status_code, kind(answer)) == (405, "method-not-allowed")
    assert answer.json["detail"] == "Use one of these methods: OPTIONS, POST."
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_an_api_token_is_limited_to_its_scopes(
    app: Flask, program: FlaskClient, user: User
) -> None:
    header = bearing(new_token(app, user, Scope.ACCOUNT_READ))

    assert program.get("/api/v1/me", headers=header).json["id"] == str(user.id)
    for method, path, scope in (("get", "sessions", "sessions:read"),
                                ("delete", "sessions", "sessions:write"),
                                ("get", "tokens", "tokens:read"),
                                ("post", "tokens", "tokens:write")):  # fmt: skip
        answer = program.open(f"/api/v1/{path}", method=method, headers=header)
        challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
        assert (answer.status_code, kind(answer)) == (403, "insufficient-scope")
        assert answer.headers["WWW-Authenticate"] == challenge
    refused = program.post("/api/v1/logout", headers=header)
    assert (refused.status_code, kind(refused)) == (403, "not-allowed")


def test_sessions_can_be_listed_and_ended(app: Flask, program: FlaskClient, user: User) -> None:
    mine, other, third = (begin(app, user) for _ in range(3))
    header = bearing(mine.access_token)

    listed = program.get("/api/v1/sessions", headers=header).json["sessions"]
    assert [each["is_current"] for each in listed] == [True, False, False]
    assert listed[0]["id"] == str(mine.identity.session_id)

    path = f"/api/v1/sessions/{other.identity.session_id}"
    assert program.delete(path, headers=header).status_code == 204
    assert program.get("/api/v1/me", headers=bearing(other.access_token)).status_code == 401
    assert program.delete("/api/v1/sessions", headers=header).json == {"ended": 1}
    assert program.get("/api/v1/me", headers=bearing(third.access_token)).status_code == 401
    assert program.get("/api/v1/me", headers=header).status_code == 200


def test_another_users_sessions_and_tokens_are_out_of_reach(
    app: Flask, program: FlaskClient, user: User
) -> None:
    with app.app_context():
        stranger = add_user("stranger@example.org")
    theirs = begin(app, user)
    token = new_token(app, user, Scope.ACCOUNT_READ)
    header = bearing(begin(app, stranger).access_token)
    mine = bearing(theirs.access_token)
    (listed,) = program.get("/api/v1/tokens", headers=mine).json["tokens"]

    answers = [
        program.delete(f"/api/v1/sessions/{theirs.identity.session_id}", headers=header),
        program.delete(f"/api/v1/tokens/{listed['id']}", headers=header),
        program.patch(f"/api/v1/tokens/{listed['id']}", headers=header, json={"name": "x"}),
        program.post(
            f"/api/v1/tokens/{listed['id']}/rotate", headers=header, json={"overlap_seconds": 0}
        ),
    ]

    assert [(answer.status_code, kind(answer)) for answer in answers] == [(404, "not-found")] * 4
    assert program.get("/api/v1/me", headers=mine).status_code == 200
    assert program.get("/api/v1/me", headers=bearing(token)).status_code == 200


def test_a_token_can_be_created_renamed_rotated_and_revoked(
    app: Flask, program: FlaskClient, user: User
) -> None:
    header = bearing(begin(app, user).access_token)
    expires_at = (clock.now() + timedelta(days=30)).isoformat()
    wanted = {"name": "deploy", "scopes": ["account:read"], "expires_at": expires_at}

    made = program.post("/api/v1/tokens", headers=header, json=wanted)
    assert made.status_code == 201
    path, value = f"/api/v1/tokens/{made.json['id']}", made.json["value"]
    assert program.get("/api/v1/me", headers=bearing(value)).status_code == 200

    assert program.patch(path, headers=header, json={"name": "ship"}).status_code == 204
    (listed,) = program.get("/api/v1/tokens", headers=header).json["tokens"]
    assert (listed["name"], listed["scopes"]) == ("ship", ["account:read"])
    assert value[-4:] == listed["last_four"]
    assert "value" not in listed

    rotated = program.post(f"{path}/rotate", headers=header, json={"overlap_seconds": 60})
    assert rotated.status_code == 201
    for each in (value, rotated.json["value"]):
        assert program.get("/api/v1/me", headers=bearing(each)).status_code == 200

    new_path = f"/api/v1/tokens/{rotated.json['id']}"
    assert program.delete(new_path, headers=header).status_code == 204
    refused = program.get("/api/v1/me", headers=bearing(rotated.json["value"]))
    assert (refused.status_code, kind(refused)) == (401, "token-revoked")
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert program.delete(new_path, headers=header).status_code == 404


@on_sqlite
@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"name": ""}, "name", "malformed"),
        ({"name": "   "}, "name", "missing"),
        ({"name": "x" * 101}, "name", "malformed"),
        ({"name": "a\x00b"}, "name", "unprintable"),
        ({"scopes": []}, "scopes", "malformed"),
        ({"scopes": ["everything"]}, "scopes", "malformed"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "past"),
        ({"expires_at": "2020-01-01"}, "expires_at", "malformed"),
        ({"expires_at": "9999-01-01T00:00:00Z"}, "expires_at", "too_far"),
    ],
)
def test_an_invalid_token_request_names_the_field(
    app: Flask, program: FlaskClient, user: User, changes: Any, field: str, code: str
) -> None:
    header = bearing(begin(app, user).access_token)
    wanted = {"name": "deploy", "scopes": ["account:read"], "expires_at": None, **changes}

    answer = program.post("/api/v1/tokens", headers=header, json=wanted)

    assert (answer.status_code, kind(answer)) == (422, "input-refused")
    assert [(each["field"], each["code"]) for each in answer.json["errors"]] == [(field, code)]


def test_a_token_cannot_create_one_with_more_scopes(
    app: Flask, program: FlaskClient, user: User
) -> None:
    header = bearing(new_token(app, user, Scope.TOKENS_WRITE, Scope.ACCOUNT_READ))
    wanted = {"name": "x", "expires_at": None}

    more = program.post(
        "/api/v1/tokens", headers=header, json={**wanted, "scopes": ["sessions:write"]}
    )
    fewer = program.post(
        "/api/v1/tokens", headers=header, json={**wanted, "scopes": ["account:read"]}
    )

    assert (more.status_code, kind(more)) == (403, "not-allowed")
    assert fewer.status_code == 201


def test_sensitive_actions_require_a_recent_password(
    app: Flask, program: FlaskClient, user: User, move_time: Callable
) -> None:
    first = begin(app, user)
    with move_time(minutes=20):
        body = {"refresh_token": first.refresh_token}
        header = bearing(program.post("/api/v1/refresh", json=body).json["access_token"])

        for method, path in (("get", "sessions"), ("delete", "sessions"), ("post", "tokens")):
            answer = program.open(f"/api/v1/{path}", method=method, headers=header)
            assert (answer.status_code, kind(answer)) == (401, "proof-too-old")
            challenge = 'Bearer error="insufficient_user_authentication", max_age="900"'
            assert answer.headers["WWW-Authenticate"] == challenge
        assert program.get("/api/v1/me", headers=header).status_code == 200
        fresh = bearing(log_in(program, user).json["access_token"])
        assert program.get("/api/v1/sessions", headers=fresh).status_code == 200


def test_a_refresh_token_is_not_accepted_as_a_bearer_token(
    app: Flask, program: FlaskClient, user: User
) -> None:
    signed_in = begin(app, user)

    answer = program.get("/api/v1/me", headers=bearing(signed_in.refresh_token))
    turned = program.post("/api/v1/refresh", json={"refresh_token": signed_in.access_token})

    assert (answer.status_code, kind(answer)) == (401, "token-invalid")
    assert (turned.status_code, kind(turned)) == (401, "token-invalid")


def test_an_outage_is_never_a_refusal(
    app: Flask,
    program: FlaskClient,
    user: User,
    redis_server: RedisServer,
    lose_database: Callable[[], None],
) -> None:
    header = bearing(begin(app, user).access_token)
    token = bearing(new_token(app, user, Scope.ACCOUNT_READ))
    redis_server.kill()
    assert program.get("/api/v1/me", headers=header).status_code == 200

    lose_database()

    for headers in (header, token):
        answer = program.get("/api/v1/me", headers=headers)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    assert log_in(program, user).status_code == 503
