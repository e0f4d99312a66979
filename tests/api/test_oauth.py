"""Introspection (RFC 7662) and revocation (RFC 7009)."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.domain.signing_keys import signer
from authapp.models import Scope, User
from authapp.services import api_tokens, refresh
from tests.api.calling import PROGRAM, bearing, begin, new_token, without_cookies
from tests.support.servers import RedisServer
from tests.support.signing_keys import run_keys

INACTIVE = {"active": False}


@pytest.fixture
def caller(app: Flask, user: User) -> dict[str, str]:
    """The header of a program that may introspect tokens."""
    return bearing(new_token(app, user, Scope.INTROSPECT, name="gateway"))


@pytest.fixture
def ask(app: Flask, caller: dict[str, str]) -> Callable[..., Any]:
    def asked(token: str, **fields: str) -> Any:
        client = without_cookies(app)
        answer = client.post("/oauth/introspect", data={"token": token, **fields}, headers=caller)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.json

    return asked


def revoke(client: FlaskClient, token: str, **fields: str) -> int:
    return client.post("/oauth/revoke", data={"token": token, **fields}).status_code


def test_an_access_token_is_described_with_its_session(
    app: Flask, user: User, ask: Callable
) -> None:
    signed_in = begin(app, user)

    told = ask(signed_in.access_token)

    assert told.pop("exp") == int(signed_in.access_expires_at.timestamp())
    assert told.pop("auth_time") == int(signed_in.identity.auth_time.timestamp())
    assert told == {
        "active": True,
        "token_kind": "access_token",
        "token_type": "Bearer",
        "iss": "http://127.0.0.1:5000",
        "aud": "http://127.0.0.1:5000",
        "sub": str(user.id),
        "sid": str(signed_in.identity.session_id),
        "client_id": "api",
    }


def test_a_refresh_token_is_not_described_as_a_bearer_token(
    app: Flask, user: User, ask: Callable, move_time: Callable
) -> None:
    first = begin(app, user).refresh_token
    with app.app_context():
        second = refresh.renew(first, client=PROGRAM).refresh_token

    told = ask(second)

    assert (told["token_kind"], told["token_type"]) == ("refresh_token", "N_A")
    assert told["client_id"] == "api"
    assert ask(first)["active"]
    with move_time(minutes=2):
        assert ask(first) == INACTIVE
        assert ask(second)["active"], "asking about an old one ends nothing"


def test_an_api_token_is_described_with_its_scopes(app: Flask, user: User, ask: Callable) -> None:
    value = new_token(app, user, Scope.TOKENS_READ, Scope.ACCOUNT_READ)

    told = ask(value)

    assert told["token_kind"] == "api_token"
    assert told["scope"] == "account:read tokens:read"
    assert told["sub"] == str(user.id)
    assert "exp" not in told
    assert "sid" not in told
    assert "client_id" not in told


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "api_token", "", "\x00", "what"])
def test_a_wrong_hint_changes_nothing(app: Flask, user: User, ask: Callable, hint: str) -> None:
    signed_in = begin(app, user)

    for token in (signed_in.access_token, signed_in.refresh_token):
        assert ask(token, token_type_hint=hint)["active"]


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "\x00",
        "é",
        "a.b.c",
        "aut_",
        "aut_" + "0" * 71,
        "." * 9000,
        "e30.e30.e30",
        " ",
        "\ud800",
    ],
)
def test_text_that_is_not_a_token_is_inactive(ask: Callable, value: str) -> None:
    assert ask(value.encode("utf-8", "surrogatepass").decode("latin-1")) == INACTIVE


def test_a_token_that_no_longer_works_is_inactive(
    app: Flask, user: User, ask: Callable, move_time: Callable
) -> None:
    ended, expiring = begin(app, user), begin(app, user)
    token = new_token(app, user, Scope.TOKENS_READ)
    client = without_cookies(app)

    assert revoke(client, ended.refresh_token) == 200
    assert revoke(client, token) == 200

    for value in (ended.access_token, ended.refresh_token, token):
        assert ask(value) == INACTIVE
    with move_time(minutes=11):
        assert ask(expiring.access_token) == INACTIVE
    with app.app_context():
        kid = signer().kid
    assert run_keys(app, "revoke", kid)[0] == 0
    assert ask(expiring.access_token) == INACTIVE
    assert ask(expiring.refresh_token)["active"]


def test_a_refused_caller_learns_which_scope_is_required(app: Flask, user: User) -> None:
    client = without_cookies(app)
    body = {"token": "x"}

    def challenge(**headers: str) -> tuple[int, str, str]:
        answer = client.post("/oauth/introspect", data=body, headers=headers)
        kind = answer.json["type"].removeprefix("urn:authapp:problem:")
        return answer.status_code, answer.headers["WWW-Authenticate"], kind

    missing = 'Bearer error="insufficient_scope", scope="introspect"'
    assert challenge() == (401, "Bearer", "token-missing")
    assert challenge(**bearing("aut_x")) == (401, 'Bearer error="invalid_token"', "token-invalid")
    weak = new_token(app, user, Scope.TOKENS_READ)
    assert challenge(**bearing(weak)) == (403, missing, "insufficient-scope")
    session = begin(app, user).access_token
    assert challenge(**bearing(session)) == (403, missing, "insufficient-scope")
    assert challenge(Authorization="Basic eDp5")[0] == 401


def test_a_cookie_is_not_accepted_as_a_credential(app: Flask, user: User) -> None:
    client = app.test_client()
    client.set_cookie("access_token", begin(app, user).access_token)

    assert client.post("/oauth/introspect", data={"token": "x"}).status_code == 401


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
def test_a_malformed_form_is_refused(app: Flask, caller: dict[str, str], path: str) -> None:
    client = without_cookies(app)

    def status(**arguments: Any) -> int:
        return client.post(path, headers=caller, **arguments).status_code

    assert status(json={"token": "x"}) == 415
    assert status(data={}) == 415
    assert status(data={"token": ""}) == 400
    assert status(data={"token": ["x", "y"]}) == 400
    assert status(data={"token_type_hint": "access_token"}) == 400
    assert status(data={"token": "x" * 300_000}) == 413
    assert client.get(path, headers=caller).status_code == 405


def test_revoking_any_token_of_a_session_ends_all_of_them(app: Flask, user: User) -> None:
    client = without_cookies(app)
    for name in ("access_token", "refresh_token"):
        signed_in = begin(app, user)

        assert revoke(client, getattr(signed_in, name)) == 200

        header = bearing(signed_in.access_token)
        assert client.get("/auth/check", headers=header).status_code == 401


def test_an_older_refresh_token_revokes_its_session(app: Flask, user: User) -> None:
    first = begin(app, user)
    with app.app_context():
        second = refresh.renew(first.refresh_token, client=PROGRAM)
    client = without_cookies(app)

    assert revoke(client, first.refresh_token) == 200

    header = bearing(second.access_token)
    assert client.get("/auth/check", headers=header).status_code == 401


def test_only_the_token_presented_is_revoked(app: Flask, user: User) -> None:
    client = without_cookies(app)
    one, other = new_token(app, user, Scope.TOKENS_READ), new_token(app, user, Scope.TOKENS_READ)
    session = begin(app, user)

    assert revoke(client, one) == 200

    assert client.get("/auth/check", headers=bearing(one)).status_code == 401
    assert client.get("/auth/check", headers=bearing(other)).status_code == 204
    assert client.get("/auth/check", headers=bearing(session.access_token)).status_code == 204


@pytest.mark.parametrize("value", ["x", "a.b.c", "aut_nothing", "\x00", "." * 5000])
def test_revoking_text_that_is_not_a_token_succeeds(app: Flask, value: str) -> None:
    assert revoke(without_cookies(app), value, token_type_hint="unknown") == 200


def test_revoking_twice_succeeds(app: Flask, user: User) -> None:
    client = without_cookies(app)
    session, token = begin(app, user).refresh_token, new_token(app, user, Scope.TOKENS_READ)

    assert [revoke(client, each) for each in (session, token) * 2] == [200] * 4


def test_a_forged_refresh_token_ends_nothing(app: Flask, user: User) -> None:
    signed_in = begin(app, user)
    id, generation, mac = signed_in.refresh_token.split(".")
    client = without_cookies(app)

    assert revoke(client, f"{id}.{generation}.{mac[::-1]}") == 200
    assert revoke(client, f"{id}.{int(generation) + 1}.{mac}") == 200

    header = bearing(signed_in.access_token)
    assert client.get("/auth/check", headers=header).status_code == 204


def test_introspection_counts_as_a_use_of_the_callers_token_only(
    app: Flask, user: User, ask: Callable
) -> None:
    asked_about = new_token(app, user, Scope.TOKENS_READ, name="asked about")
    ask(asked_about)

    with app.app_context():
        app.extensions["token_cache"].last_used.write()
        used = {each.token.name: each.last_used_at for each in api_tokens.list_tokens(user.id)}

    assert used["gateway"] is not None
    assert used["asked about"] is None


def test_losing_redis_and_the_database_is_reported_as_an_outage(
    app: Flask,
    user: User,
    caller: dict[str, str],
    redis_server: RedisServer,
    lose_database: Callable[[], None],
) -> None:
    token = begin(app, user).access_token
    redis_server.kill()
    lose_database()
    client = without_cookies(app)

    asked = client.post("/oauth/introspect", data={"token": token}, headers=caller)
    revoked = client.post("/oauth/revoke", data={"token": token})

    for answer in (asked, revoked):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json["type"].endswith(":unavailable") or answer.json["status"] == 503
