"""A form that was sent after its session had ended is shown again, filled, after sign-in."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.models import User
from authapp.web.drafts import LIFETIME
from tests.support.accounts import PASSWORD, add_user
from tests.support.browsing import cookie, hidden, post
from tests.support.on_sqlite import on_sqlite

pytestmark = on_sqlite

Move = Callable[..., object]

KEPT = "We kept what you entered"
LOST = "nothing was changed. Repeat"

FORMS = {
    "/account/email": ({"email": "moved@example.org"}, 'value="moved@example.org"'),
    "/account/tokens/new": (
        {"name": "Backup", "scopes": "tokens:read", "expiry": "365"},
        'value="Backup"',
    ),
    "/verify/phone": ({"phone": "07400 123", "region": "DE"}, 'value="07400 123"'),
}


def sign_in_and_open(client: FlaskClient, email: str, page: str) -> dict[str, str]:
    """Return the hidden fields of the form on a page."""
    answer = post(client, f"/login?next={page}", email=email, password=PASSWORD)
    return hidden(client.get(answer.headers["Location"]).get_data(as_text=True))


def end_session(client: FlaskClient) -> None:
    for name in ("access_token", "refresh_token"):
        client.delete_cookie(name)


def send_too_late(client: FlaskClient, user: str, page: str, **fields: str) -> str:
    """Send a form after its session has ended, and return the URL of the sign-in page."""
    form = sign_in_and_open(client, user, page)
    end_session(client)
    return client.post(page, data={**form, **fields}).headers["Location"]


def sign_in_again(client: FlaskClient, sign_in_page: str, email: str) -> str:
    """Return the page that sign-in leads to."""
    answer = post(client, sign_in_page, email=email, password=PASSWORD)
    return client.get(answer.headers["Location"]).get_data(as_text=True)


@pytest.mark.parametrize("page", FORMS)
def test_what_was_typed_is_shown_once_after_signing_in_again(
    client: FlaskClient, user: User, page: str
) -> None:
    fields, shown = FORMS[page]

    sign_in_page = send_too_late(client, user.email, page, **fields)
    promise = client.get(sign_in_page).get_data(as_text=True)
    again = sign_in_again(client, sign_in_page, user.email)

    assert "kept what you entered" in promise
    assert shown in again
    assert KEPT in again
    assert client.get(page).get_data(as_text=True).count(shown) == 0


def test_every_choice_of_a_form_is_shown_again(client: FlaskClient, user: User) -> None:
    page = "/account/tokens/new"

    sign_in_page = send_too_late(client, user.email, page, **FORMS[page][0])
    again = sign_in_again(client, sign_in_page, user.email)

    checked = re.findall(r"<input[^>]*\bchecked\b[^>]*>", again)
    assert {re.search(r'value="([^"]+)"', each)[1] for each in checked} == {"tokens:read", "365"}


def test_another_user_does_not_see_it(app: Flask, client: FlaskClient, user: User) -> None:
    with app.app_context():
        other = add_user("other@example.org").email

    sign_in_page = send_too_late(client, user.email, "/account/email", email="moved@example.org")
    again = sign_in_again(client, sign_in_page, other)

    assert "moved@example.org" not in again
    assert KEPT not in again


def test_passwords_and_codes_are_never_kept(app: Flask, client: FlaskClient, user: User) -> None:
    secrets = {"current_password": "secret 1", "new_password": "secret 2", "code": "123456"}

    sign_in_page = send_too_late(client, user.email, "/password/change", **secrets)
    stored = app.session_interface.get_signing_serializer(app).loads(cookie(client, "session"))
    again = sign_in_again(client, sign_in_page, user.email)

    assert stored["draft"]["fields"] == {}
    assert LOST in again


def test_a_form_that_is_too_large_is_lost_with_a_message(client: FlaskClient, user: User) -> None:
    sign_in_page = send_too_late(client, user.email, "/account/email", email="x" * 2000)

    assert "kept what you entered" not in client.get(sign_in_page).get_data(as_text=True)
    assert LOST in sign_in_again(client, sign_in_page, user.email)


def test_a_draft_expires(client: FlaskClient, user: User, move_time: Move) -> None:
    sign_in_page = send_too_late(client, user.email, "/account/email", email="moved@example.org")

    with move_time(seconds=LIFETIME.total_seconds() + 1):
        assert "moved@" not in sign_in_again(client, sign_in_page, user.email)


def test_confirming_the_password_keeps_the_form_too(
    client: FlaskClient, user: User, move_time: Move
) -> None:
    form = sign_in_and_open(client, user.email, "/account/email")

    with move_time(minutes=16):
        sent = client.post("/account/email", data={**form, "email": "moved@example.org"})
        confirm = sent.headers["Location"]
        promise = client.get(confirm).get_data(as_text=True)
        confirmed = post(client, confirm, password=PASSWORD)
        again = client.get(confirmed.headers["Location"]).get_data(as_text=True)

    assert "kept what you entered" in promise
    assert 'value="moved@example.org"' in again
