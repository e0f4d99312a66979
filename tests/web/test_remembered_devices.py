"""Devices on which sign-in does not ask for a code, how they are forgotten, and attacks on them."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp import clock
from authapp.domain import sessions
from authapp.domain.factors import remembered_devices
from authapp.models import Activity, RememberedDevice, User, db
from authapp.services import (
    activity,
    delete_account,
    download_data,
    freeze_account,
    password_reset,
    purge,
    refresh,
    replace_app,
    second_factors,
    sign_out,
    users,
)
from tests.support.accounts import HERE, PASSWORD, add_user
from tests.support.applications import introduce_redis
from tests.support.browsing import cookie, is_signed_in, post, sign_in
from tests.support.messages import newest_to
from tests.support.passkeys import SITE
from tests.support.passkeys import enroll as enroll_passkey
from tests.support.second_factors import code_of, enroll

Move = Callable[..., Any]

PAGE: Final = "/account/second-factors"
NEW_PASSWORD: Final = "another four words entirely unrelated"


@pytest.fixture
def secret(app: Flask, user: User) -> str:
    """The secret of the user's authenticator app."""
    with app.app_context():
        return enroll(user.id)[0]


@pytest.fixture
def remembered(app: Flask, user: User, secret: str, move_time: Move) -> FlaskClient:
    """A browser that is signed in, and does not have to enter a code again."""
    client = app.test_client()
    sign_in_with_code(client, secret, remember_device="y")
    return client


def enter_password(client: FlaskClient, **fields: str) -> str:
    """Enter the right password, and return the path that it leads to."""
    fields = {"email": "somebody@example.org", "password": PASSWORD, **fields}
    return post(client, "/login", **fields).headers["Location"]


def sign_in_with_code(client: FlaskClient, secret: str, **fields: str) -> None:
    email = fields.pop("email", "somebody@example.org")
    answer = post(client, enter_password(client, email=email), code=code_of(secret), **fields)
    assert answer.status_code == 303, answer.get_data(as_text=True)


def leave(client: FlaskClient) -> None:
    """Sign out in the browser, which keeps its other cookies."""
    post(client, "/logout", page="/account/delete")
    assert not is_signed_in(client)


def needs_code(client: FlaskClient, **fields: str) -> bool:
    """Return whether the password alone does not sign in."""
    for name in ("access_token", "refresh_token"):
        client.delete_cookie(name)
    return enter_password(client, **fields).startswith("/login/code")


def claims(client: FlaskClient) -> dict[str, Any]:
    return jwt.decode(cookie(client, "access_token"), options={"verify_signature": False})


def identity_of(app: Flask, client: FlaskClient) -> sessions.Identity:
    with app.test_request_context():
        return sessions.authenticate(cookie(client, "access_token"))


def test_the_password_is_enough_on_a_remembered_device_and_nowhere_else(
    app: Flask, user: User, remembered: FlaskClient
) -> None:
    leave(remembered)

    assert not needs_code(remembered)
    assert is_signed_in(remembered)
    assert needs_code(app.test_client())
    with app.app_context():
        noted = [each.activity for each in activity.list_recent(user.id)]
    assert noted.count(Activity.DEVICE_REMEMBERED) == 1


def test_a_passkey_as_the_second_step_remembers_the_device_too(
    make_app: Callable[..., Flask], user: User
) -> None:
    app = make_app(PUBLIC_URL=SITE)
    introduce_redis(app)
    client = app.test_client()
    sign_in(client)
    device = enroll_passkey(client)
    leave(client)
    step = enter_password(client)
    page = client.get(step).get_data(as_text=True)
    options = client.get(step.replace("second-step", "second-step/options")).get_json()

    answer = post(client, step, passkey=device.get(options), remember_device="y")

    assert "Don't ask for a second step on this device for 30 days" in page
    assert answer.status_code == 303
    leave(client)
    assert enter_password(client) == "/account"
    assert enter_password(app.test_client()).startswith("/login/second-step")
    with app.app_context():
        noted = [each.activity for each in activity.list_recent(user.id)]
        assert len(remembered_devices.list_of(user.id)) == 1
    assert Activity.DEVICE_REMEMBERED in noted


def test_a_passkey_remembers_no_device_unless_asked_and_offered(
    make_app: Callable[..., Flask], user: User
) -> None:
    app = make_app(PUBLIC_URL=SITE, REMEMBER_DEVICE_LIFETIME="0")
    introduce_redis(app)
    client = app.test_client()
    sign_in(client)
    device = enroll_passkey(client)
    leave(client)
    step = enter_password(client)
    page = client.get(step).get_data(as_text=True)
    options = client.get(step.replace("second-step", "second-step/options")).get_json()

    post(client, step, passkey=device.get(options), remember_device="y")

    assert "remember_device" not in page
    assert is_signed_in(client)
    assert client.get_cookie("remembered") is None


def test_a_device_is_not_remembered_unless_its_user_asks(
    app: Flask, user: User, secret: str
) -> None:
    client = app.test_client()
    sign_in_with_code(client, secret)

    assert client.get_cookie("remembered") is None
    assert needs_code(client)


def test_the_token_does_not_claim_a_second_factor_until_one_is_shown(
    app: Flask, user: User, secret: str, remembered: FlaskClient, move_time: Move
) -> None:
    assert claims(remembered)["amr"] == ["pwd", "otp", "mfa"]
    needs_code(remembered)

    assert claims(remembered)["amr"] == ["pwd"]
    with move_time(minutes=16):
        post(remembered, "/account/confirm", code=code_of(secret))
        assert claims(remembered)["amr"] == ["pwd", "otp", "mfa"]


def test_the_cookie_is_for_this_host_and_not_for_scripts(
    make_app: Callable[..., Flask], environ: dict[str, str]
) -> None:
    app = make_app(PUBLIC_URL="https://accounts.example.org")
    with app.app_context():
        secret, _ = enroll(add_user("somebody@example.org").id)
    client = app.test_client()
    base = {"base_url": "https://accounts.example.org"}
    page = client.get("/login", **base).get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]
    referer = {"Referer": "https://accounts.example.org/login"}
    form = {"csrf_token": token, "email": "somebody@example.org", "password": PASSWORD}
    asked = client.post("/login", data=form, headers=referer, **base)
    page = client.get(asked.headers["Location"], **base).get_data(as_text=True)
    fields = dict(re.findall(r'name="(csrf_token|flow)"[^>]*value="([^"]+)"', page))
    form = {**fields, "code": code_of(secret), "remember_device": "y"}

    answer = client.post(asked.headers["Location"], data=form, headers=referer, **base)

    (set_cookie,) = [each for each in answer.headers.getlist("Set-Cookie") if "remembered" in each]
    assert set_cookie.startswith("__Host-remembered=")
    assert "; Secure; HttpOnly; Path=/; SameSite=Lax" in set_cookie
    assert "Expires=" in set_cookie


def test_it_ends_after_its_lifetime_and_the_row_is_purged(
    app: Flask, remembered: FlaskClient, move_time: Move
) -> None:
    value = cookie(remembered, "remembered")
    for days, is_asked in ((29, False), (31, True)):
        with move_time(days=days):
            # The clock moves only here, so the browser would keep the cookie for longer.
            client = app.test_client()
            client.set_cookie("remembered", value)
            assert needs_code(client) is is_asked
            with app.app_context():
                list(purge.purge())
                assert db.session.query(RememberedDevice).count() == (0 if is_asked else 1)


def test_using_a_device_does_not_extend_it(
    app: Flask, remembered: FlaskClient, move_time: Move
) -> None:
    value = cookie(remembered, "remembered")
    for days, is_asked in ((20, False), (40, True)):
        with move_time(days=days):
            client = app.test_client()
            client.set_cookie("remembered", value)
            assert needs_code(client) is is_asked


@pytest.mark.parametrize("lifetime", ["0", "60"])
def test_a_shorter_lifetime_applies_to_devices_that_are_remembered_already(
    make_app: Callable[..., Flask], remembered: FlaskClient, move_time: Move, lifetime: str
) -> None:
    app = make_app(REMEMBER_DEVICE_LIFETIME=lifetime)
    client = app.test_client()
    client.set_cookie("remembered", cookie(remembered, "remembered"))

    with move_time(minutes=2):
        assert needs_code(client)


def test_it_can_be_turned_off(make_app: Callable[..., Flask], user: User, secret: str) -> None:
    app = make_app(REMEMBER_DEVICE_LIFETIME="0")
    client = app.test_client()
    page = client.get(enter_password(client)).get_data(as_text=True)

    sign_in_with_code(client, secret, remember_device="y")

    assert "remember_device" not in page
    assert client.get_cookie("remembered") is None


def test_it_survives_a_new_secret_key(
    make_app: Callable[..., Flask], remembered: FlaskClient
) -> None:
    client = make_app(SECRET_KEY="another key of sufficient length, 0123456789").test_client()
    client.set_cookie("remembered", cookie(remembered, "remembered"))

    assert not needs_code(client)


def test_a_copied_cookie_is_worthless_for_another_account(
    app: Flask, remembered: FlaskClient
) -> None:
    with app.app_context():
        enroll(add_user("other@example.org").id)

    assert needs_code(remembered, email="other@example.org")


def test_a_copied_cookie_does_not_replace_the_password(remembered: FlaskClient) -> None:
    leave(remembered)

    answer = post(remembered, "/login", email="somebody@example.org", password="not the password")

    assert answer.status_code == 422
    assert not is_signed_in(remembered)


def test_two_accounts_are_remembered_on_one_device(app: Flask, remembered: FlaskClient) -> None:
    with app.app_context():
        other, _ = enroll(add_user("other@example.org").id)
    leave(remembered)
    sign_in_with_code(remembered, other, email="other@example.org", remember_device="y")

    assert not needs_code(remembered)
    assert not needs_code(remembered, email="other@example.org")
    assert claims(remembered)["amr"] == ["pwd"]


def test_remembering_again_replaces_the_former_secret(
    app: Flask, user: User, secret: str, remembered: FlaskClient, move_time: Move
) -> None:
    former = cookie(remembered, "remembered")
    with move_time(days=31):
        remembered.set_cookie("remembered", former)
        sign_in_with_code(remembered, secret, remember_device="y")
        assert former != cookie(remembered, "remembered")
    with app.app_context():
        assert db.session.query(RememberedDevice).count() == 1


@pytest.mark.parametrize(
    "value", ["", "~", "x", "a.b", "~~~~~~~~~~~~", "é", "x" * 3000, "AAAA.BBBB~AAAA.BBBB"]
)
def test_a_malformed_cookie_is_ignored(app: Flask, user: User, secret: str, value: str) -> None:
    client = app.test_client()
    client.set_cookie("remembered", value)

    assert needs_code(client)
    sign_in_with_code(client, secret, remember_device="y")
    assert not needs_code(client)


def test_a_changed_secret_and_a_foreign_id_are_refused(
    app: Flask, user: User, remembered: FlaskClient
) -> None:
    id, _, secret = cookie(remembered, "remembered").partition(".")
    for value in (f"{id}.{secret[::-1]}", f"{id[::-1]}.{secret}", f"{id}.{'A' * 43}"):
        client = app.test_client()
        client.set_cookie("remembered", value)
        assert needs_code(client)


def test_an_account_has_a_bounded_number_of_devices(app: Flask, user: User, secret: str) -> None:
    with app.app_context():
        for minutes in range(remembered_devices.MOST + 5):
            at = clock.now() - timedelta(minutes=minutes + 1)
            db.session.add(
                RememberedDevice(
                    user_id=user.id, digest=bytes(32), session_id=UUID(int=0), user_agent="",
                    created_at=at, last_used_at=at, last_used_address="",
                )
            )  # fmt: skip
        db.session.commit()
    client = app.test_client()

    sign_in_with_code(client, secret, remember_device="y")

    with app.app_context():
        assert db.session.query(RememberedDevice).count() == remembered_devices.MOST
    assert not needs_code(client)


def test_devices_are_listed_and_forgotten_one_by_one(
    app: Flask, user: User, remembered: FlaskClient
) -> None:
    page = remembered.get(PAGE).get_data(as_text=True)
    ids = re.findall(r'name="forget" value="([^"]+)"', page)
    assert "Remembered devices" in page
    assert len(ids) == 1

    done = post(remembered, f"{PAGE}/devices", page=PAGE, forget=ids[0])
    again = post(remembered, f"{PAGE}/devices", page="/account/delete", forget=ids[0])

    assert done.headers["Location"] == PAGE
    assert again.status_code == 404
    assert "Remembered devices" not in remembered.get(PAGE).get_data(as_text=True)
    assert needs_code(remembered)
    with app.app_context():
        assert activity.list_recent(user.id)[0].activity != Activity.DEVICE_REMEMBERED


def test_a_device_of_another_account_cannot_be_forgotten(
    app: Flask, user: User, remembered: FlaskClient
) -> None:
    with app.app_context():
        add_user("other@example.org")
        (device,) = remembered_devices.list_of(user.id)
    other = app.test_client()
    sign_in(other, "other@example.org")

    for which, status in ((str(device.id), 404), ("nonsense", 404), ("all", 303)):
        answer = post(other, f"{PAGE}/devices", page="/account/delete", forget=which)
        assert answer.status_code == status
    assert not needs_code(remembered)


def test_a_data_download_lists_devices_without_secrets(
    app: Flask, user: User, remembered: FlaskClient
) -> None:
    with app.app_context():
        (device,) = download_data.download_data(user.id, client=HERE)["remembered_devices"]

    assert "digest" not in device
    assert device["user_agent"]


def _change_password(app: Flask, user: User, client: FlaskClient) -> None:
    fields = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert post(client, "/password/change", **fields).status_code == 303


def _reset_password(app: Flask, user: User, _client: FlaskClient) -> None:
    password_reset.request(user.email, client=HERE)
    password_reset.answer_requests()
    link = password_reset.check(newest_to(app, user.email, r"/password/reset/(\S+)"))
    password_reset.reset(link, NEW_PASSWORD, revoke_tokens=False, client=HERE)


def _freeze(app: Flask, user: User, client: FlaskClient) -> None:
    link = newest_to(app, user.email, r"/not-me/(\S+)")
    freeze_account.freeze(freeze_account.check(link), user.email, client=HERE)


def _replace_factor(app: Flask, user: User, _client: FlaskClient) -> None:
    second_factors.remove_app(user.id, client=HERE)
    enroll(user.id)


def _replace_app(app: Flask, user: User, _client: FlaskClient) -> None:
    value = replace_app.begin(user.id)
    secret = replace_app.get_enrollment(user.id, value).secret
    replace_app.confirm(user.id, value, code_of(secret), client=HERE)


def _guess_in_session(app: Flask, user: User, client: FlaskClient) -> None:
    for _ in range(10):
        post(client, "/account/confirm", page="/account/delete", password="not the password")


def _reuse_session(app: Flask, user: User, client: FlaskClient) -> None:
    value = cookie(client, "refresh_token")
    successor = refresh.renew(value, client=HERE).refresh_token
    refresh.renew(successor, client=HERE)
    with pytest.raises(Exception, match="reuse_seen"):
        refresh.renew(value, client=HERE)


FORGETTING: Final[dict[str, Callable[[Flask, User, FlaskClient], Any]]] = {
    "password change": _change_password,
    "password reset": _reset_password,
    "freezing": _freeze,
    "replacing the factor": _replace_factor,
    "replacing the app": _replace_app,
    "removing the factor": lambda app, user, client: second_factors.remove_app(
        user.id, client=HERE
    ),
    "an operator removing the factor": lambda app, user, client: app.test_cli_runner().invoke(
        args=["users", "remove-second-factor", user.email, "--yes"]
    ),
    "signing out everywhere": lambda app, user, client: sign_out.sign_out_everywhere(
        user.id, client=HERE
    ),
    "signing the device out": lambda app, user, client: sign_out.sign_out_device(
        user.id, identity_of(app, client).session_id, client=HERE
    ),
    "an operator signing out": lambda app, user, client: users.sign_out(user.id),
    "an operator signing out everyone": lambda app, user, client: list(
        users.sign_out_everyone(tokens=False)
    ),
    "disabling": lambda app, user, client: users.disable(user.id),
    "closing": lambda app, user, client: delete_account.close(
        identity_of(app, client), PASSWORD, client=HERE
    ),
    "a restored database": lambda app, user, client: app.test_cli_runner().invoke(
        args=["security", "database-restored", "--yes"]
    ),
    "guessing in the session": _guess_in_session,
    "a copy of the session": _reuse_session,
}


@pytest.mark.parametrize("event", FORGETTING)
def test_devices_are_forgotten_after(
    app: Flask, user: User, remembered: FlaskClient, event: str
) -> None:
    value = cookie(remembered, "remembered")
    with app.app_context():
        assert remembered_devices.find(user.id, value) is not None
        db.session.rollback()

        FORGETTING[event](app, user, remembered)

        assert remembered_devices.find(user.id, value) is None
        assert db.session.query(RememberedDevice).count() == 0


def test_everyone_is_signed_out_even_without_a_session(
    app: Flask, user: User, remembered: FlaskClient
) -> None:
    leave(remembered)
    with app.app_context():
        list(users.sign_out_everyone(tokens=False))

    assert needs_code(remembered)


def test_after_a_password_change_the_cookie_does_not_help_with_the_new_password(
    app: Flask, user: User, remembered: FlaskClient
) -> None:
    with app.app_context():
        _change_password(app, user, remembered)

    assert needs_code(remembered, password=NEW_PASSWORD)


def test_signing_out_others_forgets_only_their_devices(
    app: Flask, user: User, secret: str, remembered: FlaskClient, move_time: Move
) -> None:
    other = app.test_client()
    with move_time(minutes=1):
        sign_in_with_code(other, secret, remember_device="y")
        with app.app_context():
            sign_out.sign_out_others(identity_of(app, remembered), client=HERE)

        assert not needs_code(remembered)
        assert needs_code(other)


def test_signing_out_here_keeps_the_device_and_a_later_session_is_tied_to_it(
    app: Flask, user: User, remembered: FlaskClient
) -> None:
    leave(remembered)
    assert not needs_code(remembered)
    with app.app_context():
        sign_out.sign_out_device(user.id, identity_of(app, remembered).session_id, client=HERE)

    assert needs_code(remembered)
