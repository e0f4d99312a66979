"""Access tokens of a host whose clock differs, and of a signing key that is no longer trusted."""

from collections.abc import Callable

import pytest
from flask import Flask

from authapp.domain import signing_keys
from authapp.models import JWTKey, RefreshToken, User, db
from authapp.models.changes import delete_where
from authapp.models.transaction import transaction
from authapp.services import keys
from tests.api.calling import bearing, begin, without_cookies

SKEW = 60
"""CLOCK_SKEW, in seconds; a refresh token may be repeated for as long."""

OVERLAP = 60


def test_a_token_of_a_revoked_key_asks_for_a_renewal_which_works(app: Flask, user: User) -> None:
    program, session = without_cookies(app), begin(app, user)
    with app.app_context():
        keys.revoke(signing_keys.signer().kid)

    refused = program.get("/api/v1/me", headers=bearing(session.access_token))
    renewed = program.post("/api/v1/refresh", json={"refresh_token": session.refresh_token})

    assert refused.status_code == 401
    assert refused.json["type"] == "urn:authapp:problem:signing-key-refused"
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    header = bearing(renewed.json["access_token"])
    assert program.get("/api/v1/me", headers=header).status_code == 200


def test_a_token_of_a_deleted_key_asks_for_a_renewal_too(app: Flask, user: User) -> None:
    program, session = without_cookies(app), begin(app, user)
    with app.app_context(), transaction():
        delete_where(JWTKey, JWTKey.kid == signing_keys.signer().kid)

    refused = program.get("/api/v1/me", headers=bearing(session.access_token))

    assert refused.json["type"] == "urn:authapp:problem:signing-key-refused"


@pytest.mark.parametrize(("seconds", "status"), [(3, 200), (SKEW - 1, 200), (SKEW + 5, 401)])
def test_a_token_from_a_host_that_is_ahead_works_within_the_clock_skew(
    app: Flask, user: User, move_time: Callable[..., object], seconds: int, status: int
) -> None:
    with move_time(seconds=seconds):
        issued_ahead = begin(app, user).access_token

    answer = without_cookies(app).get("/api/v1/me", headers=bearing(issued_ahead))

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("seconds", "ends"), [(OVERLAP + SKEW - 10, False), (OVERLAP + SKEW + 10, True)]
)
def test_a_refresh_repeated_at_a_host_that_is_ahead_is_no_theft(
    app: Flask, user: User, move_time: Callable[..., object], seconds: int, ends: bool
) -> None:
    program, session = without_cookies(app), begin(app, user)
    sent = {"refresh_token": session.refresh_token}
    assert program.post("/api/v1/refresh", json=sent).status_code == 200

    with move_time(seconds=seconds):
        repeated = program.post("/api/v1/refresh", json=sent)

    assert repeated.status_code == 401
    with app.app_context():
        row = db.session.get_one(RefreshToken, session.identity.session_id)
        assert (row.ended_at is not None) == ends
