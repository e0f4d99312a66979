"""Sensitive pages require a recently entered password."""

from collections.abc import Callable

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from authapp.domain import sessions
from authapp.models import Activity, User
from authapp.services import activity
from authapp.services.sign_out import sign_out
from authapp.web.access import Access, allow
from tests.support.accounts import HERE, PASSWORD
from tests.support.browsing import cookie, post, sign_in

STALE = 16


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application with a page that requires a recent password."""
    app = make_app()
    guarded = Blueprint("guarded", __name__)
    guarded.add_url_rule("/guarded", "show", lambda: "behind the guard", methods=["GET", "POST"])
    allow(app, guarded, Access.FRESH)
    return app


def test_a_recent_sign_in_needs_no_confirmation(client: FlaskClient, user: User) -> None:
    sign_in(client)

    assert client.get("/guarded").get_data(as_text=True) == "behind the guard"


def test_an_anonymous_visitor_is_sent_to_sign_in(client: FlaskClient) -> None:
    assert client.get("/guarded").headers["Location"] == "/login?next=/guarded"


def test_a_confirmed_password_leads_back_to_the_page(
    client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    sign_in(client)
    with move_time(minutes=STALE):
        asked = client.get("/guarded?with=words")
        location = asked.headers["Location"]
        answer = post(client, location, password=PASSWORD)

        assert asked.status_code == 303
        assert location.startswith("/account/confirm?next=")
        assert answer.headers["Location"] == "/guarded?with=words"
        assert client.get("/guarded").status_code == 200


def test_a_wrong_password_is_reported_and_grants_no_access(
    client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    sign_in(client)
    with move_time(minutes=STALE):
        answer = post(client, "/account/confirm", password="not the password")

        assert answer.status_code == 422
        assert "Incorrect password" in answer.get_data(as_text=True)
        assert client.get("/guarded").status_code == 303


def test_an_ended_session_cannot_be_revived(
    app: Flask, client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    sign_in(client)
    with app.test_request_context():
        identity = sessions.authenticate(cookie(client, "access_token"))
    with move_time(minutes=STALE):
        location = client.get("/guarded").headers["Location"]
        with app.app_context():
            sign_out(identity, client=HERE)

        answer = client.get(location)

        assert answer.headers["Location"].startswith("/login")


def test_a_confirmation_is_recorded(app: Flask, client: FlaskClient, user: User, move_time) -> None:
    sign_in(client)
    with move_time(minutes=STALE):
        post(client, "/account/confirm", password=PASSWORD)

        with app.app_context():
            latest = activity.list_recent(user.id)[0]

    assert latest.activity == Activity.PASSWORD_CONFIRMED
    assert latest.address == "127.0.0.1"
