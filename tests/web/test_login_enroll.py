"""Where SECOND_FACTOR requires a second factor, or does not offer one, and attacks on both."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, Final

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp.delivery import outbox
from authapp.errors import Conflict, InputRefused, NotAllowed, NotFound
from authapp.models import Activity, AuthenticatorApp, Passkey, RefreshToken, User, db
from authapp.services import activity, login, login_enroll
from authapp.services import second_factors as service
from tests.api.calling import bearing, without_cookies
from tests.support.accounts import DEVICE, PASSWORD, add_user
from tests.support.browsing import cookie, hidden, is_signed_in, post, sign_in
from tests.support.messages import code_to, newest_to
from tests.support.passkeys import SITE, Authenticator
from tests.support.second_factors import code_of, enroll, wrong_code

NEW: Final = "new@example.org"


@pytest.fixture
def optional(app: Flask) -> Flask:
    """The application before the policy was changed."""
    return app


@pytest.fixture
def required(make_app: Callable[..., Flask], optional: Flask) -> Flask:
    return make_app(SECOND_FACTOR="required")


@pytest.fixture
def off(make_app: Callable[..., Flask], optional: Flask) -> Flask:
    return make_app(SECOND_FACTOR="off", SECOND_FACTOR_ROLES="none")


def enter_password(client: FlaskClient, email: str = "somebody@example.org", next: str = "") -> str:
    """Enter the right password, and return the address that it leads to."""
    path = f"/login?next={next}" if next else "/login"
    return post(client, path, email=email, password=PASSWORD).headers["Location"]


def begin(client: FlaskClient, address: str) -> tuple[str, str]:
    """Begin to set up an app at sign-in; return the address of its page, and the secret."""
    begun = post(client, address)
    assert begun.status_code == 303
    page = client.get(begun.headers["Location"]).get_data(as_text=True)
    shown = re.search(r'id="secret"[^>]*>([\w ]+)<', page)
    assert shown
    return begun.headers["Location"], shown[1].replace(" ", "")


def pending_of(app: Flask, user: User) -> str:
    with app.app_context(), pytest.raises(NotAllowed) as refused:
        login.sign_in(user.email, PASSWORD, remember=False, device=DEVICE)
    return str(refused.value.pending)


def test_a_user_without_a_factor_gets_a_session_once_the_app_works(
    required: Flask, user: User
) -> None:
    client = required.test_client()
    page = post(client, "/login?next=/account/activity", email=user.email, password=PASSWORD)
    address = page.headers["Location"]
    assert address.startswith("/login/enroll?flow=")
    assert not is_signed_in(client)

    here, secret = begin(client, address)
    assert not is_signed_in(client)
    refused = post(client, here, code=wrong_code(secret))
    done = post(client, here, code=code_of(secret)).get_data(as_text=True)

    assert refused.status_code == 422
    assert len(re.findall(r"<code>[0-9a-z]{5}-[0-9a-z]{5}</code>", done)) == 10
    assert 'href="/account/activity"' in done
    assert is_signed_in(client)
    claims = jwt.decode(cookie(client, "access_token"), options={"verify_signature": False})
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    with required.app_context():
        noted = {each.activity for each in activity.list_recent(user.id)}
    assert {Activity.SECOND_FACTOR_ADDED, Activity.SIGNED_IN} <= noted
    assert enter_password(required.test_client()).startswith("/login/code?flow=")


@pytest.fixture
def with_passkeys(make_app: Callable[..., Flask], optional: Flask) -> Flask:
    """An application at a domain, because passkeys do not work at an IP address."""
    return make_app(SECOND_FACTOR="required", PUBLIC_URL=SITE)


def passkey_options(client: FlaskClient, address: str) -> dict[str, Any]:
    """Return what the browser is asked for by the button on the page at an address."""
    fields = hidden(client.get(address).get_data(as_text=True))
    answer = client.post("/login/enroll/passkey/options", data=fields)
    assert answer.status_code == 200
    return dict(answer.get_json())


def send_passkey(client: FlaskClient, address: str, answer: str) -> TestResponse:
    path = address.replace("/login/enroll", "/login/enroll/passkey")
    return post(client, path, address, passkey=answer)


def test_a_passkey_is_enough_where_a_second_factor_is_required(
    with_passkeys: Flask, user: User
) -> None:
    client, device = with_passkeys.test_client(), Authenticator()
    address = enter_password(client, next="/account/activity")

    answer = device.create(passkey_options(client, address))
    assert not is_signed_in(client)
    done = send_passkey(client, address, answer).get_data(as_text=True)

    assert len(re.findall(r"<code>[0-9a-z]{5}-[0-9a-z]{5}</code>", done)) == 10
    assert is_signed_in(client)
    claims = jwt.decode(cookie(client, "access_token"), options={"verify_signature": False})
    assert claims["amr"] == ["pwd", "pop", "user", "mfa"]
    with with_passkeys.app_context():
        noted = {each.activity for each in activity.list_recent(user.id)}
        told = [each.message for each in outbox.list_recent()]
    assert {Activity.PASSKEY_ADDED, Activity.SIGNED_IN} <= noted
    assert "passkey_added" in told
    assert enter_password(with_passkeys.test_client()).startswith("/login/second-step?flow=")


def test_a_passkey_is_created_only_with_the_challenge_of_its_browser_and_account(
    with_passkeys: Flask, user: User
) -> None:
    with with_passkeys.app_context():
        add_user("other@example.org")
    client, elsewhere = with_passkeys.test_client(), with_passkeys.test_client()
    address, device = enter_password(client), Authenticator()
    of_other = passkey_options(elsewhere, enter_password(elsewhere, "other@example.org"))
    again = with_passkeys.test_client()
    of_other_browser = passkey_options(again, enter_password(again))

    for options in (of_other, of_other_browser):
        assert send_passkey(client, address, device.create(options)).status_code == 422
    answer = device.create(passkey_options(client, address))
    device.origin = "http://localhost.evil.example"
    spoiled = device.create(passkey_options(client, address))
    assert send_passkey(client, address, spoiled).status_code == 422
    assert not is_signed_in(client)

    assert send_passkey(client, address, answer).status_code == 200


def test_without_javascript_the_page_says_what_a_passkey_needs(
    with_passkeys: Flask, user: User
) -> None:
    client = with_passkeys.test_client()

    answer = send_passkey(client, enter_password(client), "")

    assert answer.status_code == 422
    assert "Passkeys need JavaScript" in answer.get_data(as_text=True)


def test_the_password_alone_adds_no_passkey_to_an_account_that_has_a_factor(
    with_passkeys: Flask, user: User
) -> None:
    pending, device = pending_of(with_passkeys, user), Authenticator()
    browser = "x" * 43
    with with_passkeys.app_context():
        answer = device.create(login_enroll.begin_passkey(pending, browser=browser))
        enroll(user.id)

        with pytest.raises(NotAllowed):
            login_enroll.begin_passkey(pending, browser=browser)
        with pytest.raises(NotAllowed):
            login_enroll.add_passkey(
                pending, answer, browser=browser, default_name="A device", device=DEVICE
            )
        assert db.session.query(Passkey).count() == 0
        assert db.session.query(RefreshToken).count() == 0


def test_the_password_alone_adds_no_app_to_an_account_that_has_a_passkey(
    with_passkeys: Flask, user: User
) -> None:
    pending, device = pending_of(with_passkeys, user), Authenticator()
    browser = "x" * 43
    with with_passkeys.app_context():
        answer = device.create(login_enroll.begin_passkey(pending, browser=browser))
        login_enroll.add_passkey(
            pending, answer, browser=browser, default_name="A device", device=DEVICE
        )

        with pytest.raises(NotAllowed):
            login_enroll.begin(pending)


def test_at_an_ip_address_only_the_app_is_offered(
    make_app: Callable[..., Flask], user: User
) -> None:
    app = make_app(SECOND_FACTOR="required", PUBLIC_URL="http://192.0.2.1:5000")
    client = app.test_client()

    page = client.get(enter_password(client)).get_data(as_text=True)

    assert "Set up an authenticator app" in page
    assert "passkey" not in page


@pytest.mark.parametrize("path", ["/login/enroll/passkey", "/login/enroll/passkey/options"])
def test_a_passkey_needs_a_password_first(with_passkeys: Flask, path: str) -> None:
    answer = post(with_passkeys.test_client(), path, "/login", passkey="{}")

    assert answer.headers["Location"].startswith("/login?")


def test_registering_leads_through_enrollment(required: Flask) -> None:
    client = required.test_client()
    post(client, "/register", email=NEW, password=PASSWORD)

    confirmed = post(
        client, "/verify/email/code", page="/verify/email", code=code_to(required, NEW)
    )

    address = confirmed.headers["Location"]
    assert address.startswith("/login/enroll?flow=")
    assert "Your email address is confirmed." in client.get(address).get_data(as_text=True)
    assert not is_signed_in(client)
    here, secret = begin(client, address)
    post(client, here, code=code_of(secret))
    assert is_signed_in(client)


def test_a_link_of_a_registration_leads_there_too(required: Flask) -> None:
    client = required.test_client()
    post(client, "/register", email=NEW, password=PASSWORD)

    answer = post(client, newest_to(required, NEW, r"http://[^/]+(/verify/email/\S+)"))

    assert answer.headers["Location"].startswith("/login/enroll?flow=")
    assert not is_signed_in(client)


def test_the_browser_that_registered_is_led_there_after_another_one_confirmed(
    required: Flask,
) -> None:
    client, phone = required.test_client(), required.test_client()
    post(client, "/register", email=NEW, password=PASSWORD)
    link = newest_to(required, NEW, r"http://[^/]+(/verify/email/\S+)")
    post(phone, link, code=code_to(required, NEW))

    answer = post(client, "/verify/email/continue", page="/verify/email")

    assert answer.headers["Location"].startswith("/login/enroll?flow=")
    assert not is_signed_in(client)


def test_keeping_a_closed_account_leads_there_too(
    optional: Flask, required: Flask, user: User
) -> None:
    client = optional.test_client()
    sign_in(client)
    post(client, "/account/delete", password=PASSWORD)
    client = required.test_client()
    offer = enter_password(client)

    answer = post(client, "/account/delete/keep", page=offer)

    assert answer.headers["Location"].startswith("/login/enroll?flow=")
    assert not is_signed_in(client)


def test_programs_are_told_to_send_the_user_to_the_pages(required: Flask, user: User) -> None:
    program = without_cookies(required)

    answer = program.post("/api/v1/login", json={"email": user.email, "password": PASSWORD})

    assert answer.status_code == 403
    assert answer.json["type"] == "urn:authapp:problem:second-factor-enrollment-required"
    assert "pending" not in answer.json


def test_a_half_signed_in_value_is_accepted_nowhere_else(required: Flask, user: User) -> None:
    pending = pending_of(required, user)
    program = without_cookies(required)

    assert program.get("/api/v1/me", headers=bearing(pending)).status_code == 401
    assert program.post("/api/v1/refresh", json={"refresh_token": pending}).status_code == 401
    code = program.post("/api/v1/login/code", json={"pending": pending, "code": "123456"})
    assert code.status_code == 422
    client = required.test_client()
    for name in ("access_token", "refresh_token"):
        client.set_cookie(name, pending)
    assert not is_signed_in(client)
    with required.app_context():
        assert db.session.query(RefreshToken).count() == 0


def test_the_password_alone_does_not_add_a_factor_to_an_account_that_has_one(
    required: Flask, user: User
) -> None:
    pending = pending_of(required, user)
    with required.app_context():
        enroll(user.id)
        before = db.session.get_one(AuthenticatorApp, user.id).secret_sealed
        db.session.rollback()
        for attempt in (
            lambda: login_enroll.begin(pending),
            lambda: login_enroll.get_enrollment(pending),
            lambda: login_enroll.confirm(pending, "123456", device=DEVICE),
        ):
            with pytest.raises(NotAllowed):
                attempt()

        assert db.session.get_one(AuthenticatorApp, user.id).secret_sealed == before


def test_two_tabs_cannot_both_enroll(required: Flask, user: User) -> None:
    pending = pending_of(required, user)
    with required.app_context():
        login_enroll.begin(pending)
        secret = login_enroll.get_enrollment(pending).secret
        login_enroll.confirm(pending, code_of(secret, steps=0), device=DEVICE)

        with pytest.raises(NotAllowed):
            login_enroll.confirm(pending, code_of(secret), device=DEVICE)
        assert db.session.query(RefreshToken).count() == 1


def test_of_simultaneous_enrollments_one_gets_a_session(required: Flask, user: User) -> None:
    pending = pending_of(required, user)
    with required.app_context():
        login_enroll.begin(pending)
        code = code_of(login_enroll.get_enrollment(pending).secret, steps=0)
    ready = Barrier(3)

    def enroll_once(_: int) -> bool:
        with required.app_context():
            ready.wait()
            try:
                login_enroll.confirm(pending, code, device=DEVICE)
            except (NotAllowed, Conflict, InputRefused, NotFound):
                return False
            return True

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(enroll_once, range(3))) == 1
    with required.app_context():
        assert db.session.query(RefreshToken).count() == 1
        assert service.overview(user.id).codes_left == 10


def test_a_new_password_ends_a_pending_enrollment(required: Flask, user: User) -> None:
    pending = pending_of(required, user)
    with required.app_context():
        login_enroll.begin(pending)
        secret = login_enroll.get_enrollment(pending).secret
        db.session.get_one(User, user.id).password_changed_at = service.clock.now()
        db.session.commit()

        with pytest.raises(Exception, match="password was changed"):
            login_enroll.confirm(pending, code_of(secret), device=DEVICE)
        assert db.session.query(RefreshToken).count() == 0


def test_a_pending_enrollment_is_for_its_own_account(required: Flask, user: User) -> None:
    with required.app_context():
        other = add_user("other@example.org")
    first, second = pending_of(required, user), pending_of(required, other)
    with required.app_context():
        login_enroll.begin(first)
        login_enroll.begin(second)
        code = code_of(login_enroll.get_enrollment(second).secret)

        with pytest.raises(InputRefused, match="wrong"):
            login_enroll.confirm(first, code, device=DEVICE)


@pytest.mark.parametrize("policy", ["optional", "off"])
def test_a_pending_sign_in_enrolls_nothing_where_none_is_required(
    make_app: Callable[..., Flask], required: Flask, user: User, policy: str
) -> None:
    pending = pending_of(required, user)
    with (
        make_app(SECOND_FACTOR=policy, SECOND_FACTOR_ROLES="none").app_context(),
        pytest.raises(NotAllowed),
    ):
        login_enroll.begin(pending)


@pytest.mark.parametrize("path", ["/login/enroll", "/login/enroll/app"])
def test_the_pages_need_a_password_first(required: Flask, path: str) -> None:
    client = required.test_client()
    assert client.get(path).headers["Location"].startswith("/login?")

    answer = client.get(f"{path}?flow=0123456789abcdef")

    assert answer.headers["Location"].startswith("/login?")


def test_the_last_factor_cannot_be_removed_by_its_owner_but_by_an_operator(
    required: Flask, user: User
) -> None:
    with required.app_context():
        secret, _ = enroll(user.id)
    client = required.test_client()
    post(client, enter_password(client), code=code_of(secret))

    page = client.get("/account/second-factors").get_data(as_text=True)
    asked = client.get("/account/second-factors/remove")
    removed = post(client, "/account/second-factors/remove", page="/account/delete")

    assert "Turn off" not in page
    assert asked.status_code == 303
    assert removed.status_code == 403
    with required.app_context():
        assert service.overview(user.id).app_added_at is not None
    command = ["users", "remove-second-factor", user.email, "--yes"]
    assert required.test_cli_runner().invoke(args=command).exit_code == 0
    assert enter_password(required.test_client()).startswith("/login/enroll?flow=")


def test_sessions_from_before_the_change_go_on(
    optional: Flask, required: Flask, user: User
) -> None:
    before = optional.test_client()
    sign_in(before)
    client = required.test_client()
    for name in ("access_token", "refresh_token"):
        client.set_cookie(name, cookie(before, name))

    assert is_signed_in(client)


def test_a_required_factor_does_not_change_what_strangers_see(required: Flask, user: User) -> None:
    answers = [
        post(required.test_client(), "/login", email=email, password="not the password")
        for email in (user.email, "nobody@example.org")
    ]

    assert [answer.status_code for answer in answers] == [422, 422]


def test_off_offers_nothing(off: Flask, user: User) -> None:
    client = off.test_client()
    sign_in(client)

    assert "/account/second-factors" not in client.get("/account").get_data(as_text=True)
    assert client.get("/account/second-factors").status_code == 404
    assert post(client, "/account/second-factors", page="/account/delete").status_code == 404


def test_off_still_asks_for_factors_and_lets_their_owners_remove_them(
    optional: Flask, off: Flask, user: User
) -> None:
    with optional.app_context():
        secret, _ = enroll(user.id)
    client = off.test_client()
    post(client, enter_password(client), code=code_of(secret))
    assert "/account/second-factors" in client.get("/account").get_data(as_text=True)

    post(client, "/account/second-factors/remove")

    sign_in(off.test_client())
    assert client.get("/account/second-factors").status_code == 404


def test_off_finishes_no_enrollment_that_was_begun(optional: Flask, off: Flask, user: User) -> None:
    with optional.app_context():
        service.begin(user.id)
        secret = service.get_enrollment(user.id).secret
    client = off.test_client()
    sign_in(client)

    post(client, "/account/second-factors/app", page="/account/delete", code=code_of(secret))

    with off.app_context():
        assert service.overview(user.id).app_added_at is None
