"""Reporting a leaked API token."""

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.delivery import outbox
from authapp.domain import api_tokens
from authapp.errors import TokenRevoked
from authapp.models import Activity, RevokeReason, Scope, User
from authapp.services import activity
from tests.api.calling import new_token
from tests.support.on_sqlite import on_sqlite

PATH = "/api/v1/tokens/report"


def mails(app: Flask, message: str = "api_token_leaked") -> list[str]:
    with app.app_context():
        return [mail.body for mail in outbox.list_recent() if mail.message == message]


def test_a_reported_token_is_revoked_at_once_and_its_owner_notified(
    app: Flask, make_app, client: FlaskClient, user: User
) -> None:
    value = new_token(app, user, Scope.ACCOUNT_READ, name="deploy")
    elsewhere = make_app()
    with elsewhere.app_context():
        api_tokens.check(value)

    answer = client.post(PATH, json={"token": value})

    assert (answer.status_code, answer.data) == (202, b"")
    with elsewhere.app_context(), pytest.raises(TokenRevoked) as refused:
        api_tokens.check(value)
    assert refused.value.reason == RevokeReason.LEAK_REPORTED
    (body,) = mails(app)
    assert "“deploy”" in body
    assert value[:40] not in body
    with app.app_context():
        noted = activity.list_recent(user.id)[0]
    assert (noted.activity, noted.address) == (Activity.API_TOKEN_LEAKED, None)


def test_the_response_is_the_same_for_any_reported_value(
    app: Flask, client: FlaskClient, user: User
) -> None:
    value = new_token(app, user, Scope.ACCOUNT_READ)
    client.post(PATH, json={"token": value})

    for handed in (value, "aut_" + "0" * 71, "", "nonsense", "\x00", "x" * 100_000):
        answer = client.post(PATH, json={"token": handed})
        assert (answer.status_code, answer.data) == (202, b"")
    assert len(mails(app)) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("body", "type", "status"),
    [
        (b"{}", "application/json", 422),
        (b"[]", "application/json", 422),
        (b'{"token": 5}', "application/json", 422),
        (b'{"token"', "application/json", 400),
        (b'{"token": "\\ud800"}', "application/json", 400),
        (b"\xff\x00", "application/json", 400),
        (b"[" * 200_000, "application/json", 400),
        (b'{"token": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b"token=x", "application/x-www-form-urlencoded", 415),
        (b"", "", 415),
        (b"x" * 300_000, "application/json", 413),
    ],
)
def test_a_malformed_report_is_refused_with_a_problem_document(
    client: FlaskClient, body: bytes, type: str, status: int
) -> None:
    answer = client.post(PATH, data=body, content_type=type)

    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert json.loads(answer.data)["status"] == status


def test_reports_are_rate_limited_per_client(client: FlaskClient, user: User) -> None:
    for _ in range(30):
        assert client.post(PATH, json={"token": "x"}).status_code == 202

    answer = client.post(PATH, json={"token": "x"})

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_a_session_cookie_makes_no_difference(client: FlaskClient, user: User) -> None:
    assert client.get(PATH).status_code == 405
    assert "Set-Cookie" not in client.post(PATH, json={"token": "x"}).headers
