"""The pages for deleting an account, keeping it after all, and downloading its data."""

import json
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from authapp.models import User, db
from tests.support.accounts import PASSWORD
from tests.support.browsing import is_signed_in, post, sign_in
from tests.support.messages import newest_verification_link


def test_a_closed_account_can_be_kept(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client)

    closed = post(client, "/account/delete", password=PASSWORD)
    done = client.get(closed.headers["Location"]).get_data(as_text=True)
    refused = is_signed_in(client)
    asked = post(client, "/login", email=user.email, password=PASSWORD)
    kept = post(client, asked.headers["Location"])

    assert "To keep your account, sign in" in done
    assert not refused
    assert asked.headers["Location"].startswith("/account/delete/keep?flow=")
    assert kept.headers["Location"] == "/account"
    assert "Your account will not be deleted." in client.get("/account").get_data(as_text=True)
    with app.app_context():
        assert db.session.get(User, user.id).delete_at is None


def test_a_wrong_password_is_reported_next_to_its_field(client: FlaskClient, user: User) -> None:
    sign_in(client)

    for typed in ("", "not the password", "\x01"):
        answer = post(client, "/account/delete", password=typed)
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.get_data(as_text=True)

    assert is_signed_in(client)


def test_keeping_an_account_requires_the_password(client: FlaskClient, user: User) -> None:
    sign_in(client)
    post(client, "/account/delete", password=PASSWORD)

    asked = client.get("/account/delete/keep")
    tried = post(client, "/account/delete/keep", "/login")

    assert asked.headers["Location"] == tried.headers["Location"] == "/login"
    assert not is_signed_in(client)


def test_keeping_an_account_twice_succeeds(client: FlaskClient, user: User) -> None:
    sign_in(client)
    post(client, "/account/delete", password=PASSWORD)
    post(client, "/login", email=user.email, password=PASSWORD)
    post(client, "/account/delete/keep")

    again = post(client, "/account/delete/keep", "/account")

    assert again.status_code == 303
    assert is_signed_in(client)


def test_a_wrong_password_does_not_reveal_that_the_account_is_closed(
    client: FlaskClient, user: User
) -> None:
    sign_in(client)
    post(client, "/account/delete", password=PASSWORD)

    answer = post(client, "/login", email=user.email, password="not the password")

    assert answer.status_code == 422


def test_the_page_says_when_there_is_no_grace_period(
    make_app: Callable[..., Flask], user: User
) -> None:
    client = make_app(ACCOUNT_DELETION_GRACE="0").test_client()
    sign_in(client)

    page = client.get("/account/delete").get_data(as_text=True)
    post(client, "/account/delete", password=PASSWORD)
    done = client.get("/account/delete/done").get_data(as_text=True)
    asked = post(client, "/login", email=user.email, password=PASSWORD)

    assert "permanently deleted immediately" in page
    assert "being permanently deleted" in done
    assert asked.status_code == 422


def test_the_data_is_a_download_that_is_not_cached(app: Flask, client: FlaskClient) -> None:
    # The data includes what registering created: a link, a code, a browser.
    email = "new@example.org"
    post(client, "/register", email=email, password=PASSWORD)
    post(client, newest_verification_link(app))

    answer = post(client, "/account/data")

    assert answer.headers["Content-Disposition"] == "attachment; filename=my-data.json"
    assert answer.headers["Cache-Control"] == "no-store"
    data = json.loads(answer.get_data())
    assert data["account"]["email"] == email
    assert "email_verification" in [link["type"] for link in data["links_and_codes"]]


def test_downloading_the_data_requires_a_recent_password(
    client: FlaskClient, user: User, move_time
) -> None:
    sign_in(client)
    with move_time(minutes=16):
        asked = client.get("/account/data")

        assert asked.headers["Location"].startswith("/account/confirm")
