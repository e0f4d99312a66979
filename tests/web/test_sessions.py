"""The list of devices a user is signed in on, and signing out on them."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.domain import sessions
from authapp.models import Activity, EndReason, RefreshToken, User, db
from authapp.services import activity
from authapp.web.sessions import SHOWN
from tests.support.accounts import HERE, PASSWORD, add_user, start_session
from tests.support.browsing import cookie, is_signed_in, post, sign_in

PAGE = "/account/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)

Move = Callable[..., object]


@pytest.fixture
def phone(app: Flask, user: User) -> FlaskClient:
    """Another device of the same user, signed in."""
    client = device(app, SAFARI, "198.51.100.7")
    sign_in(client)
    return client


def device(app: Flask, user_agent: str, address: str = "127.0.0.1") -> FlaskClient:
    client = app.test_client()
    client.environ_base.update({"HTTP_USER_AGENT": user_agent, "REMOTE_ADDR": address})
    return client


def session_of(app: Flask, client: FlaskClient) -> UUID:
    with app.app_context():
        return sessions.authenticate(cookie(client, "access_token")).session_id


def cards(client: FlaskClient) -> list[str]:
    """Return the text of each device's card, without markup."""
    html = client.get(PAGE).get_data(as_text=True)
    found = re.findall(r'aria-labelledby="session-\d+">(.*?)</article>', html, re.DOTALL)
    return [" ".join(re.sub("<[^>]+>", " ", card).split()) for card in found]


def ending_of(client: FlaskClient) -> str:
    html = client.get("/login").get_data(as_text=True)
    found = re.search(r'<p class="lead">(.*?)</p>', html, re.DOTALL)
    return found[1] if found else ""


def test_each_device_is_listed_with_its_uses_and_the_current_one_first(
    app: Flask, phone: FlaskClient, move_time: Move
) -> None:
    with move_time(hours=3):
        laptop = device(app, FIREFOX)
        sign_in(laptop)

        this, other = cards(laptop)

    assert this.startswith("Firefox on Linux Last active this device, now from 127.0.0.1")
    assert "Sign out" not in this
    assert other.startswith("Mobile Safari on iOS Last active 3 hours ago")
    assert "from 198.51.100.7 Signed in 3 hours ago" in other
    assert other.endswith("Sign out")


def test_last_use_is_shown_only_as_precisely_as_it_is_recorded(
    app: Flask, phone: FlaskClient, client: FlaskClient
) -> None:
    sign_in(client)

    assert "Last active in the last 10 minutes from 198.51.100.7" in cards(client)[1]


def test_an_unrecognized_device_is_listed_as_unknown(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(device(app, "<script>alert(1)</script>\x01"))
    sign_in(client)

    assert cards(client)[1].startswith("Unknown device")


def test_signing_out_a_device_ends_only_its_session_at_once(
    app: Flask, phone: FlaskClient, client: FlaskClient, user: User
) -> None:
    sign_in(client)

    answer = post(client, PAGE, end=str(session_of(app, phone)))

    assert answer.headers["Location"] == PAGE
    assert not is_signed_in(phone)
    assert is_signed_in(client)
    assert len(cards(client)) == 1
    assert ending_of(phone).startswith("You were signed out from another device.")
    with app.app_context():
        noted = activity.list_recent(user.id)[0]
    assert noted.activity == Activity.SIGNED_OUT_ELSEWHERE
    assert noted.details == {"program": "Mobile Safari", "system": "iOS"}


def test_signing_out_everywhere_else_keeps_the_current_session(
    app: Flask, phone: FlaskClient, client: FlaskClient
) -> None:
    tablet = device(app, SAFARI)
    sign_in(tablet)
    sign_in(client)

    post(client, PAGE, end="others")

    assert [is_signed_in(each) for each in (client, phone, tablet)] == [True, False, False]


def test_signing_out_everywhere_ends_the_current_session_too(
    app: Flask, phone: FlaskClient, client: FlaskClient
) -> None:
    sign_in(client)

    answer = post(client, PAGE, end="everywhere")

    assert answer.headers["Location"] == "/login"
    assert [is_signed_in(each) for each in (client, phone)] == [False, False]
    assert client.get_cookie("refresh_token") is None


@pytest.mark.parametrize("page", ["/account", PAGE])
def test_signing_out_clears_cached_pages_and_no_other_programs_data(
    client: FlaskClient, user: User, page: str
) -> None:
    sign_in(client)
    fields = {"end": "everywhere"} if page == PAGE else {}

    answer = post(client, PAGE if fields else "/logout", page=page, **fields)

    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert client.get_cookie("device") is not None


def test_other_answers_clear_nothing(client: FlaskClient, user: User) -> None:
    signed_in = post(client, "/login", email=user.email, password=PASSWORD)

    assert "Clear-Site-Data" not in signed_in.headers
    assert "Clear-Site-Data" not in client.get("/account").headers


def test_signing_out_a_device_twice_succeeds(
    app: Flask, phone: FlaskClient, client: FlaskClient
) -> None:
    sign_in(client)
    id = str(session_of(app, phone))

    answers = [post(client, PAGE, end=id) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert ending_of(phone)


@pytest.mark.parametrize(
    "value", ["", "nonsense", "c5ab40f9-c286-4a10-b860-9c66441936b0", "\x01", "é", "others "]
)
def test_an_unknown_session_is_not_found(client: FlaskClient, user: User, value: str) -> None:
    sign_in(client)

    assert post(client, PAGE, end=value).status_code == 404
    assert is_signed_in(client)


def test_another_users_session_cannot_be_ended(app: Flask, phone: FlaskClient) -> None:
    with app.app_context():
        add_user("another@example.org")
    stranger = app.test_client()
    sign_in(stranger, "another@example.org")

    answer = post(stranger, PAGE, end=str(session_of(app, phone)))

    assert answer.status_code == 404
    assert is_signed_in(phone)


def test_the_list_and_signing_out_require_a_recent_password(
    app: Flask, phone: FlaskClient, client: FlaskClient, move_time: Move
) -> None:
    sign_in(client)
    html = client.get(PAGE).get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert token
    with move_time(minutes=16):
        asked = client.get(PAGE)
        refused = client.post(PAGE, data={"end": "others", "csrf_token": token[1]})

        assert asked.headers["Location"] == f"/account/confirm?next={PAGE}"
        assert refused.headers["Location"] == f"/account/confirm?next={PAGE}"
        assert is_signed_in(phone)


def test_the_number_of_listed_sessions_is_limited(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        for _ in range(SHOWN + 1):
            start_session(user.id, remember=False, client=HERE)
    sign_in(client)

    html = client.get(PAGE).get_data(as_text=True)

    assert len(cards(client)) == SHOWN
    assert "2 older sessions are not shown." in html
    post(client, PAGE, end="others")
    assert len(cards(client)) == 1


def test_the_account_page_links_to_the_list(client: FlaskClient, user: User) -> None:
    sign_in(client)

    assert f'href="{PAGE}"' in client.get("/account").get_data(as_text=True)


@pytest.mark.parametrize("reason", [*EndReason])
def test_the_sign_in_page_says_why_each_session_ended(
    app: Flask, client: FlaskClient, user: User, reason: EndReason, move_time: Move
) -> None:
    sign_in(client, remember="y")
    session_id = session_of(app, client)
    if reason not in (EndReason.IDLE, EndReason.TOO_OLD):
        with app.app_context():
            sessions.end(session_id, user.id, reason)
            db.session.commit()
    days = {EndReason.IDLE: 15, EndReason.TOO_OLD: 91}.get(reason, 0)
    if reason is EndReason.TOO_OLD:
        with app.app_context():
            row = db.session.get(RefreshToken, session_id)
            row.expires_at = row.absolute_expires_at
            db.session.commit()

    with move_time(days=days):
        said = ending_of(client)

    assert said.endswith("Sign in to continue.")
    assert "Your session has ended" not in said


@pytest.mark.parametrize("value", ["forged", "AAAAAAAAAAAAAAAAAAAAAA.0." + "A" * 43])
def test_an_unrecognized_token_gets_a_generic_message(client: FlaskClient, value: str) -> None:
    client.set_cookie("refresh_token", value)

    assert ending_of(client) == "Your session has ended. Sign in to continue."


def test_a_purged_session_gets_a_generic_message(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    id = session_of(app, client)
    with app.app_context():
        db.session.delete(db.session.get(RefreshToken, id))
        db.session.commit()

    assert ending_of(client) == "Your session has ended. Sign in to continue."


def test_no_message_is_shown_after_signing_out_or_without_a_session(
    client: FlaskClient, user: User
) -> None:
    assert ending_of(client) == ""
    sign_in(client)
    post(client, "/logout", page="/account")

    assert ending_of(client) == ""


def test_signing_in_again_replaces_the_browsers_session(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    former = cookie(client, "refresh_token")
    html = client.get("/account").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert token

    client.post("/login", data={"email": user.email, "password": "four unrelated words together",
                                "csrf_token": token[1]})  # fmt: skip

    assert is_signed_in(client)
    other = app.test_client()
    other.set_cookie("refresh_token", former)
    assert "signed in again in this browser" in ending_of(other)


def test_losing_a_refresh_race_removes_no_cookies(
    app: Flask, client: FlaskClient, user: User, move_time: Move
) -> None:
    sign_in(client)
    stale = app.test_client()
    stale.set_cookie("refresh_token", cookie(client, "refresh_token"))
    for minutes in (11, 22):
        with move_time(minutes=minutes):
            assert is_signed_in(client)

    with move_time(minutes=33):
        answer = stale.get("/account")

    assert answer.status_code == 303
    assert answer.headers.getlist("Set-Cookie") == []
