"""Roles: where they are shown, and how soon a change reaches the sessions of an account."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Final

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.errors import Conflict, EnrollmentRequired, InputRefused, NotAllowed, NotFound
from authapp.models import Activity, RefreshToken, Scope, User, db
from authapp.services import activity, login, refresh, roles, second_factors
from tests.api.calling import PROGRAM, bearing, begin, new_token, without_cookies
from tests.support.accounts import DEVICE, HERE, PASSWORD, start_session
from tests.support.browsing import is_signed_in, post, sign_in
from tests.support.second_factors import code_of, enroll

RACES: Final = 4


def grant(app: Flask, user: User, *names: str) -> None:
    with app.app_context():
        for name in names:
            roles.grant(user.id, name)


def withdraw(app: Flask, user: User, name: str) -> None:
    with app.app_context():
        roles.withdraw(user.id, name)


def claims(access_token: str) -> dict[str, object]:
    return jwt.decode(access_token, options={"verify_signature": False})


def checked(client: FlaskClient, token: str | None = None) -> str:
    headers = bearing(token) if token else {}
    return client.get("/auth/check", headers=headers).headers["X-Auth-Roles"]


def test_a_new_session_shows_the_roles_everywhere(app: Flask, user: User) -> None:
    grant(app, user, "support", "editor")
    program, session = without_cookies(app), begin(app, user)
    headers = bearing(new_token(app, user, Scope.INTROSPECT, Scope.ACCOUNT_READ))

    described = [
        program.post("/oauth/introspect", headers=headers, data={"token": value}).json
        for value in (session.access_token, session.refresh_token)
    ]

    assert checked(program, session.access_token) == "editor support"
    assert claims(session.access_token)["roles"] == ["editor", "support"]
    assert [each["roles"] for each in described] == [["editor", "support"]] * 2
    me = program.get("/api/v1/me", headers=bearing(session.access_token)).json
    assert me["roles"] == ["editor", "support"]


def test_an_account_without_roles_has_no_claim(app: Flask, user: User) -> None:
    program, session = without_cookies(app), begin(app, user)
    headers = bearing(new_token(app, user, Scope.INTROSPECT))

    described = program.post(
        "/oauth/introspect", headers=headers, data={"token": session.access_token}
    ).json

    assert checked(program, session.access_token) == ""
    assert "roles" not in claims(session.access_token)
    assert described["active"] is True
    assert "roles" not in described
    assert program.get("/api/v1/me", headers=bearing(session.access_token)).json["roles"] == []


def test_a_change_reaches_warm_sessions_in_every_process_at_once(
    app: Flask, make_app: Callable[..., Flask], user: User
) -> None:
    session, elsewhere = begin(app, user), without_cookies(make_app())
    browser = make_app().test_client()
    browser.set_cookie("refresh_token", session.refresh_token)
    assert [checked(elsewhere, session.access_token), checked(browser)] == ["", ""]

    grant(app, user, "editor", "support")
    assert [checked(elsewhere, session.access_token), checked(browser)] == ["editor support"] * 2

    withdraw(app, user, "editor")
    assert [checked(elsewhere, session.access_token), checked(browser)] == ["support"] * 2


def test_a_renewed_access_token_has_the_current_roles(app: Flask, user: User) -> None:
    session = begin(app, user)
    grant(app, user, "support")

    with app.app_context():
        renewed = refresh.renew(session.refresh_token, client=PROGRAM)

    assert claims(renewed.access_token)["roles"] == ["support"]
    assert renewed.identity.roles == ("support",)


def test_a_claim_of_an_old_token_gives_no_role_back(app: Flask, user: User) -> None:
    grant(app, user, "editor")
    session = begin(app, user)
    assert claims(session.access_token)["roles"] == ["editor"]

    withdraw(app, user, "editor")

    assert checked(without_cookies(app), session.access_token) == ""


def test_an_api_token_has_no_roles_but_shows_those_of_the_account(app: Flask, user: User) -> None:
    grant(app, user, "editor")
    token, program = new_token(app, user, Scope.ACCOUNT_READ, Scope.INTROSPECT), app.test_client()

    described = program.post("/oauth/introspect", headers=bearing(token), data={"token": token})

    assert checked(program, token) == ""
    assert "roles" not in described.json
    assert program.get("/api/v1/me", headers=bearing(token)).json["roles"] == ["editor"]


def test_a_session_that_starts_during_a_change_has_the_roles_of_its_account(
    app: Flask, user: User
) -> None:
    def start() -> None:
        with app.app_context():
            ready.wait()
            start_session(user.id, remember=False, client=HERE)

    def change(name: str) -> None:
        ready.wait()
        grant(app, user, name)

    for number in range(RACES):
        ready = Barrier(4)
        with ThreadPoolExecutor(4) as pool:
            work = [pool.submit(start) for _ in range(3)]
            work.append(pool.submit(change, f"role-{number}"))
        assert all(each.result() is None for each in work)

        with app.app_context():
            copies = set(db.session.scalars(db.select(RefreshToken.roles)))
            assert copies == {db.session.get(User, user.id).roles}


@pytest.mark.usefixtures("context")
def test_changes_are_activity_of_the_account(user: User) -> None:
    roles.grant(user.id, "support")
    roles.grant(user.id, "support")
    roles.withdraw(user.id, "support")

    noted = [(each.activity, each.details) for each in activity.list_recent(user.id)]
    assert noted == [
        (Activity.ROLE_WITHDRAWN, {"role": "support"}),
        (Activity.ROLE_GRANTED, {"role": "support"}),
    ]


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize(
    "name", ["", "Admin", "a b", "-admin", "_", "a,b", "a" * 33, "admin\n", "ädmin", "a:b"]
)
def test_a_malformed_name_is_refused(user: User, name: str) -> None:
    with pytest.raises(InputRefused):
        roles.grant(user.id, name)


@pytest.mark.usefixtures("context")
def test_a_role_that_the_account_does_not_have_cannot_be_withdrawn(user: User) -> None:
    with pytest.raises(NotFound, match="does not have the role support"):
        roles.withdraw(user.id, "support")


@pytest.mark.usefixtures("context")
def test_the_roles_of_an_account_fit_into_its_tokens(user: User) -> None:
    for number in range(7):
        roles.grant(user.id, f"{number:032d}")
    with pytest.raises(Conflict, match="at most 255 characters"):
        roles.grant(user.id, f"{7:032d}")

    session = start_session(user.id, remember=False, client=HERE)
    assert len(session.identity.roles) == 7
    assert len(session.access_token) < 2000


def test_a_role_can_require_a_second_factor(make_app: Callable[..., Flask], user: User) -> None:
    app = make_app(SECOND_FACTOR_ROLES="admin,support")
    client = app.test_client()
    sign_in(client)
    grant(app, user, "reader")
    assert is_signed_in(client)

    grant(app, user, "admin")

    assert not is_signed_in(client)
    signed_in = post(client, "/login", email=user.email, password=PASSWORD)
    assert signed_in.headers["Location"].startswith("/login/enroll?flow=")
    with app.app_context(), pytest.raises(EnrollmentRequired):
        login.sign_in(user.email, PASSWORD, remember=False, device=DEVICE)


def test_a_role_that_requires_a_factor_ends_sessions_without_one(
    make_app: Callable[..., Flask], user: User
) -> None:
    app = make_app()
    stranger, owner = app.test_client(), app.test_client()
    # Someone with the password, before the owner adds an app.
    sign_in(stranger)
    with app.app_context():
        secret, _ = enroll(user.id)
    signed_in = post(owner, "/login", email=user.email, password=PASSWORD)
    post(owner, signed_in.headers["Location"], code=code_of(secret))

    grant(app, user, "admin")

    assert not is_signed_in(stranger)
    assert checked(owner) == "admin"
    with app.app_context(), pytest.raises(NotAllowed, match="requires a second factor"):
        second_factors.remove_app(user.id, client=HERE)
    page = owner.get("/account/second-factors").get_data(as_text=True)
    assert "Two-step sign-in is required here" in page
