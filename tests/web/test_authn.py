"""The hook that checks the JWT of every request."""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask
from flask.testing import FlaskClient

from authapp.domain import signing_keys
from authapp.models import JWTKey, User
from authapp.security.keyring import parse_public
from authapp.services import keys
from tests.support.browsing import cookie, is_signed_in, post, sign_in, without_form_tokens
from tests.support.on_sqlite import on_sqlite
from tests.support.servers import RedisServer
from tests.support.waiting import PATIENCE_SECONDS

FOREIGN = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def bearer(client: FlaskClient, token: str) -> int:
    """Request the account page with only an `Authorization` header."""
    client.delete_cookie("access_token")
    client.delete_cookie("refresh_token")
    return client.get("/account", headers={"Authorization": f"Bearer {token}"}).status_code


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def kid_of(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


def forge(token: str, key: Any, algorithm: str, headers: Any = None, **claims: Any) -> str:
    """Return a copy of a token that is signed with `key` and has some claims changed."""
    header = {"typ": "at+jwt", "kid": kid_of(token), **(headers or {})}
    payload = {name: value for name, value in {**claims_of(token), **claims}.items() if value}
    return jwt.encode(payload, key, algorithm=algorithm, headers=header)


def our_key(app: Flask) -> Any:
    """Return the private half of the active key, which only the server has."""
    with app.app_context():
        return keys.keyring.parse_private(signing_keys.signer().private_der)


def test_a_valid_token_is_accepted_in_the_header_too(client: FlaskClient, user: User) -> None:
    sign_in(client)

    assert bearer(client, cookie(client, "access_token")) == 200


def test_an_unsigned_token_is_refused(client: FlaskClient, user: User) -> None:
    sign_in(client)
    token = cookie(client, "access_token")

    assert bearer(client, forge(token, None, "none")) == 303


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    token = cookie(client, "access_token")
    with app.app_context():
        public = next(key for key in keys.list_keys() if key.kid == kid_of(token)).public_jwk
    head, payload, _ = forge(token, "x" * 32, "HS256").split(".")
    mac = hmac.digest(public.encode(), f"{head}.{payload}".encode(), "sha256")
    signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    assert bearer(client, f"{head}.{payload}.{signature}") == 303


@on_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"kid": "nobody"},
        {"jku": "https://attacker.example/keys"},
        {"x5u": "https://attacker.example/cert"},
        {"jwk": json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(FOREIGN.public_key()))},
    ],
)
def test_a_foreign_key_is_refused_however_it_is_offered(
    client: FlaskClient, user: User, headers: dict[str, Any]
) -> None:
    sign_in(client)
    token = cookie(client, "access_token")

    assert bearer(client, forge(token, FOREIGN, "RS256", headers)) == 303


@pytest.mark.parametrize(
    ("headers", "claims"),
    [
        ({}, {"iss": "https://elsewhere.example"}),
        ({}, {"aud": "https://elsewhere.example"}),
        ({"typ": "JWT"}, {}),
        ({"crit": ["b64"], "b64": False}, {}),
        ({}, {"exp": 1}),
        ({}, {"nbf": 4_000_000_000}),
        ({}, {"iat": 4_000_000_000}),
        ({}, {"exp": 10**300}),
        ({}, {"exp": "soon"}),
        ({}, {"sid": None}),
        ({}, {"sid": str(uuid4())}),
        ({}, {"sub": str(uuid4())}),
        ({}, {"sub": "not a uuid"}),
        ({}, {"auth_time": "never"}),
        ({}, {"jti": None}),
    ],
)
def test_a_token_with_our_signature_and_a_wrong_claim_is_refused(
    app: Flask, client: FlaskClient, user: User, headers: Any, claims: Any
) -> None:
    sign_in(client)
    token = cookie(client, "access_token")

    assert bearer(client, forge(token, our_key(app), "RS256", headers, **claims)) == 303
    assert bearer(client, forge(token, our_key(app), "RS256")) == 200


def test_a_token_that_an_earlier_release_signed_is_accepted(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    older = forge(cookie(client, "access_token"), our_key(app), "RS256", client_id=None)

    assert bearer(client, older) == 200


def test_a_refresh_token_is_not_accepted_as_an_access_token(
    client: FlaskClient, user: User
) -> None:
    sign_in(client)

    assert bearer(client, cookie(client, "refresh_token")) == 303


@pytest.mark.parametrize(
    "value",
    ["", ".", "..", "a.b.c", "é.é.é", "\ud800", "e30.e30.e30", "." * 5000, "x" * 5000, "[].[].[]",
     base64.urlsafe_b64encode(b"[" * 3000).decode() + ".e30.e30"],
)  # fmt: skip
def test_malformed_cookies_and_headers_are_refused(client: FlaskClient, value: str) -> None:
    raw = value.encode("utf-8", "surrogatepass").decode("latin-1")
    answers = [
        client.get("/account", headers={"Authorization": f"Bearer {raw}"}),
        client.get("/account", headers={"Cookie": f"access_token={raw}; refresh_token={raw}"}),
        client.get("/account", headers={"Authorization": raw}),
    ]

    assert [answer.status_code for answer in answers] == [303, 303, 303]


def test_an_expired_token_is_renewed_in_the_same_request(
    client: FlaskClient, user: User, move_time: Callable[..., Any]
) -> None:
    sign_in(client)
    before = cookie(client, "access_token"), cookie(client, "refresh_token")

    with move_time(minutes=11):
        assert is_signed_in(client)

    assert cookie(client, "access_token") != before[0]
    assert cookie(client, "refresh_token") != before[1]


def test_an_expired_token_alone_is_refused(
    client: FlaskClient, user: User, move_time: Callable[..., Any]
) -> None:
    sign_in(client)
    token = cookie(client, "access_token")

    with move_time(minutes=11):
        assert bearer(client, token) == 303


def test_signing_out_invalidates_every_copy_of_the_token(
    client: FlaskClient, make_app: Callable[..., Flask], user: User
) -> None:
    sign_in(client)
    access, refresh = cookie(client, "access_token"), cookie(client, "refresh_token")
    elsewhere = make_app().test_client()
    assert bearer(elsewhere, access) == 200

    post(client, "/logout", page="/account")

    assert bearer(elsewhere, access) == 303
    elsewhere.set_cookie("refresh_token", refresh)
    assert not is_signed_in(elsewhere)


def test_rotating_the_keys_keeps_users_signed_in(
    app: Flask, client: FlaskClient, user: User, move_time: Callable[..., Any]
) -> None:
    sign_in(client)
    old = cookie(client, "access_token")

    rotated = app.test_cli_runner().invoke(args=["keys", "rotate", "--force"])

    assert rotated.exit_code == 0, rotated.output
    assert is_signed_in(client)
    assert cookie(client, "access_token") == old
    with move_time(minutes=11):
        assert is_signed_in(client)
        assert kid_of(cookie(client, "access_token")) in rotated.output


def test_a_revoked_key_is_refused_at_once_and_the_session_is_renewed(
    app: Flask, client: FlaskClient, make_app: Callable[..., Flask], user: User
) -> None:
    sign_in(client)
    token = cookie(client, "access_token")
    elsewhere = make_app().test_client()
    assert bearer(elsewhere, token) == 200

    revoked = app.test_cli_runner().invoke(args=["keys", "revoke", kid_of(token)])

    assert revoked.exit_code == 0, revoked.output
    assert bearer(elsewhere, token) == 303
    assert is_signed_in(client)
    assert kid_of(cookie(client, "access_token")) != kid_of(token)


def test_pages_work_without_redis_and_do_not_mention_it(
    app: Flask, client: FlaskClient, redis_server: RedisServer, user: User
) -> None:
    sign_in(client)
    with_redis = without_form_tokens(client.get("/account").get_data(as_text=True))

    redis_server.kill()

    assert without_form_tokens(client.get("/account").get_data(as_text=True)) == with_redis
    post(client, "/logout", page="/account")
    assert not is_signed_in(client)
    sign_in(client)
    assert is_signed_in(client)


def test_redis_is_used_again_after_an_outage(
    app: Flask, client: FlaskClient, redis_server: RedisServer, user: User
) -> None:
    sign_in(client)
    redis_server.kill()
    for _ in range(4):
        assert is_signed_in(client)
    gate = app.extensions["token_cache"].backend.trust
    assert gate.breaker.is_open

    redis_server.heal()
    assert gate.breaker.wait_until_closed(PATIENCE_SECONDS)

    assert is_signed_in(client)
    assert [name for name in redis_server.client.keys() if name.startswith(b"refresh_token:")]


@pytest.mark.parametrize(("scheme", "prefix"), [("https", "__Host-"), ("http", "")])
def test_cookies_are_as_strict_as_the_url_allows(
    make_app: Callable[..., Flask], user: User, scheme: str, prefix: str
) -> None:
    client = make_app(PUBLIC_URL=f"{scheme}://accounts.example.org").test_client()
    base = {"base_url": f"{scheme}://accounts.example.org"}
    html = client.get("/login", **base).get_data(as_text=True)
    token = html.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = {"email": user.email, "password": "four unrelated words together", "csrf_token": token}

    answer = client.post("/login", data=form, headers={"Referer": base["base_url"]}, **base)

    cookies = {line.split("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}
    for name in ("access_token", "refresh_token"):
        line = cookies[prefix + name]
        assert "HttpOnly" in line
        assert "SameSite=Lax" in line
        assert "Path=/" in line
        assert "Domain" not in line
        assert ("Secure" in line) == (scheme == "https")


def test_keys_of_every_algorithm_sign_and_verify(
    make_app: Callable[..., Flask], user: User
) -> None:
    for algorithm in ("ES256", "EdDSA", "RS256"):
        app = make_app(JWT_ALGORITHM=algorithm)
        with app.app_context():
            keys.rotate(force=True)
            keys.rotate(force=True)
        client = app.test_client()

        sign_in(client)

        assert jwt.get_unverified_header(cookie(client, "access_token"))["alg"] == algorithm
        assert is_signed_in(client)


def test_a_private_key_is_encrypted_at_rest(app: Flask) -> None:
    with app.app_context():
        key: JWTKey = keys.list_keys()[0]
        private = signing_keys.signer().private_der

        assert private not in key.private_sealed
        assert parse_public(key.public_jwk)
        assert '"d"' not in key.public_jwk
