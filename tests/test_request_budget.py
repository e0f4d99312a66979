"""Anonymous requests that change something are limited for each client."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.models import User
from tests.support.accounts import PASSWORD
from tests.support.browsing import post, sign_in
from tests.support.servers import RedisServer

ELSEWHERE = {"REMOTE_ADDR": "198.51.100.9"}
WRONG = {"email": "somebody@example.org", "password": "not the password"}


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(REQUEST_BUDGET="3")


@pytest.fixture
def spent(app: Flask) -> FlaskClient:
    """A client that has used up its budget."""
    client = app.test_client()
    for _ in range(3):
        assert client.post("/oauth/revoke", data={"token": "unknown"}).status_code == 200
    return client


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/login", {"json": WRONG}),
        ("/oauth/revoke", {"data": {"token": "unknown"}}),
    ],
)
def test_client_over_budget_is_told_when_to_retry(
    spent: FlaskClient, path: str, body: dict[str, object]
) -> None:
    answer = spent.post(path, **body)  # type: ignore[arg-type]

    assert answer.status_code == 429
    assert answer.json["type"] == "urn:authapp:problem:too-many-attempts"
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


@pytest.mark.parametrize("path", ["/login", "/register", "/password/reset", "/password/strength"])
def test_visitor_over_budget_sees_a_page(spent: FlaskClient, path: str) -> None:
    answer = spent.post(path, data=WRONG)

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert "Too many" in answer.get_data(as_text=True)


def test_get_requests_are_not_counted(spent: FlaskClient) -> None:
    paths = ("/login", "/register", "/.well-known/jwks.json", "/healthz", "/readyz", "/auth/check")

    statuses = [spent.get(path).status_code for path in paths]

    assert statuses == [200, 200, 200, 200, 200, 401]


def test_signed_in_user_is_not_counted(client: FlaskClient, user: User) -> None:
    sign_in(client)

    pages = [post(client, "/password/strength", password=PASSWORD) for _ in range(6)]

    assert {page.status_code for page in pages} == {200}


def test_other_clients_have_their_own_budget(spent: FlaskClient) -> None:
    answer = spent.post("/oauth/revoke", data={"token": "unknown"}, environ_base=ELSEWHERE)

    assert answer.status_code == 200


def test_budget_is_restored_after_a_minute(
    spent: FlaskClient, move_time: Callable[..., object]
) -> None:
    with move_time(minutes=1):  # type: ignore[attr-defined]
        answer = spent.post("/oauth/revoke", data={"token": "unknown"})

    assert answer.status_code == 200


def test_nothing_is_limited_while_redis_is_unavailable(
    spent: FlaskClient, redis_server: RedisServer
) -> None:
    redis_server.kill()

    answer = spent.post("/oauth/revoke", data={"token": "unknown"})

    assert answer.status_code == 200


def test_zero_disables_the_budget(make_app: Callable[..., Flask]) -> None:
    client = make_app(REQUEST_BUDGET="0").test_client()

    answers = [client.post("/oauth/revoke", data={"token": "unknown"}) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}
