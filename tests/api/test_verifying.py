"""Another program that verifies tokens itself, as docs/api.md describes."""

import re
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from flask import Flask

from authapp import ROOT
from authapp.domain import signing_keys
from authapp.models import JWKSFetch, User, db
from authapp.services import jwks_fetches, keys
from tests.api.calling import begin
from tests.support.servers import serving
from tests.support.signing_keys import run_keys
from tests.support.waiting import wait_until

ISSUER = "https://accounts.example.org"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(PUBLIC_URL=ISSUER)


def documented() -> tuple[str, str]:
    """Return the two halves of the example: the one-time setup, and the check of each token."""
    text = (ROOT / "docs" / "api.md").read_text()
    found = re.search(r"With\s+PyJWT:\n\n((?:    .*\n)+)", text)
    assert found is not None
    once, _, each = re.sub("^    ", "", found[1], flags=re.MULTILINE).partition("\n")
    return once, each


class Program:
    """Runs the documentation's example on keys that are served at the test's port."""

    def __init__(self, port: int) -> None:
        once, self._each = documented()
        served = once.replace(ISSUER, f"http://127.0.0.1:{port}")
        assert served != once
        self._names: dict[str, Any] = {"jwt": jwt}
        exec(served, self._names)

    def account_of(self, token: str) -> str:
        names = {**self._names, "token": token}
        exec(self._each, names)
        return str(names["account"])


def test_a_key_rotation_requires_no_fetch(app: Flask, user: User) -> None:
    with serving(app) as port:
        program = Program(port)
        old = begin(app, user).access_token
        assert program.account_of(old) == str(user.id)
    assert run_keys(app, "rotate", "--force")[0] == 0
    new = begin(app, user).access_token

    # The keys are no longer served: the program has to use those it has.
    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    assert program.account_of(new) == str(user.id)
    assert program.account_of(old) == str(user.id)


def noted(app: Flask) -> str:
    """Return the recorded program. The server records it after sending its answer."""

    def consumers() -> list[JWKSFetch]:
        db.session.rollback()
        return jwks_fetches.consumers()

    with app.app_context():
        return wait_until(consumers, "the fetch was not noted")[0].consumer


def test_rotation_does_not_wait_for_a_program_that_has_the_next_key(
    app: Flask, user: User, move_time: Callable
) -> None:
    with serving(app) as port, move_time(minutes=10):
        program = Program(port)
        assert program.account_of(begin(app, user).access_token) == str(user.id)
        assert noted(app).startswith("Python-urllib/")

        assert run_keys(app, "rotate")[0] == 0

        assert program.account_of(begin(app, user).access_token) == str(user.id)


def test_a_revoked_key_is_refused_once_the_keys_are_fetched_again(app: Flask, user: User) -> None:
    with serving(app) as port:
        token = begin(app, user).access_token
        assert Program(port).account_of(token) == str(user.id)
        with app.app_context():
            kid = signing_keys.signer().kid
        assert run_keys(app, "revoke", kid)[0] == 0

        with pytest.raises(jwt.PyJWKClientError):
            Program(port).account_of(token)
        assert Program(port).account_of(begin(app, user).access_token) == str(user.id)


@pytest.mark.parametrize("changes", [{"typ": "JWT"}, {"iss": "x"}, {"aud": "x"}, {"exp": 1}])
def test_a_token_for_another_purpose_is_refused(
    app: Flask, user: User, changes: dict[str, Any]
) -> None:
    token = begin(app, user).access_token
    with app.app_context():
        signer = signing_keys.signer()
        private = keys.keyring.parse_private(signer.private_der)
    claims = jwt.decode(token, options={"verify_signature": False})
    headers = {"kid": signer.kid, "typ": changes.get("typ", "at+jwt")}
    forged = jwt.encode({**claims, **changes}, private, algorithm="RS256", headers=headers)

    with serving(app) as port, pytest.raises(jwt.InvalidTokenError):
        Program(port).account_of(forged)
