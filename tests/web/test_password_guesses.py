"""Guessing the password in a stolen session: the guesses of all pages together are limited."""

import ast
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp import ROOT
from authapp.delivery import outbox
from authapp.domain import sessions
from authapp.domain.limits import rate_limits
from authapp.models import Activity, User
from authapp.services import activity, session_guesses
from tests.support.accounts import PASSWORD
from tests.support.browsing import cookie, is_signed_in, post, sign_in

Move = Callable[..., Any]

WRONG: Final = "not the password of anybody"
MOST: Final = 10


def on_confirm_page(client: FlaskClient, password: str) -> TestResponse:
    return post(client, "/account/confirm", page="/account/delete", password=password)


def on_change_page(client: FlaskClient, password: str) -> TestResponse:
    new = "five entirely different words here"
    return post(client, "/password/change", current_password=password, new_password=new)


def on_delete_page(client: FlaskClient, password: str) -> TestResponse:
    return post(client, "/account/delete", password=password)


PAGES: Final = [on_confirm_page, on_change_page, on_delete_page]


@pytest.fixture
def thief(app: Flask, user: User) -> FlaskClient:
    """A browser with a copy of a session."""
    client = app.test_client()
    sign_in(client, remember="y")
    return client


def guess_out(thief: FlaskClient, pages: Iterator[Callable[..., TestResponse]]) -> TestResponse:
    """Use up the guesses, and return the last response."""
    for _ in range(MOST - 1):
        assert next(pages)(thief, WRONG).status_code == 422
    return next(pages)(thief, WRONG)


@pytest.mark.parametrize("pages", [[page] for page in PAGES] + [PAGES])
def test_after_ten_wrong_passwords_the_session_ends(
    app: Flask, thief: FlaskClient, user: User, pages: list[Callable[..., TestResponse]]
) -> None:
    owner = app.test_client()
    sign_in(owner)

    answer = guess_out(thief, cycle(pages))

    assert answer.status_code == 303
    page = thief.get(answer.headers["Location"]).get_data(as_text=True)
    assert "an incorrect password or code was entered too many times" in page
    assert not is_signed_in(thief)
    assert is_signed_in(owner)


@pytest.mark.usefixtures("new_hour")
def test_the_owner_is_told_and_can_act(app: Flask, thief: FlaskClient, user: User) -> None:
    guess_out(thief, cycle(PAGES))

    with app.app_context():
        (mail,) = [each for each in outbox.list_recent() if each.message == "password_guessed"]
        ended, refused = activity.list_recent(user.id)[:2]
    assert "10 times" in mail.body
    assert "/not-me/" in mail.body
    assert ended.activity == Activity.SIGNED_OUT_FOR_GUESSING
    assert (refused.activity, refused.times) == (Activity.PASSWORD_REFUSED, MOST)


def test_waiting_permits_no_more_guesses(thief: FlaskClient, move_time: Move) -> None:
    for day in range(MOST):
        with move_time(days=day):
            answer = on_delete_page(thief, WRONG)

    assert answer.status_code == 303


def test_a_correct_password_begins_a_new_count(thief: FlaskClient) -> None:
    for _ in range(2):
        for _ in range(MOST - 1):
            assert on_delete_page(thief, WRONG).status_code == 422
        assert on_confirm_page(thief, PASSWORD).status_code == 303
        assert is_signed_in(thief)


def test_guesses_in_one_session_do_not_stop_the_owner_in_another(
    app: Flask, thief: FlaskClient
) -> None:
    owner = app.test_client()
    sign_in(owner)
    for _ in range(MOST - 1):
        on_delete_page(thief, WRONG)

    assert on_change_page(owner, PASSWORD).headers["Location"] == "/account"


def test_a_session_without_guesses_left_ends_at_the_next_one(
    app: Flask, thief: FlaskClient
) -> None:
    """As after a crash between counting the last guess and ending the session."""
    with app.test_request_context():
        identity = sessions.authenticate(cookie(thief, "access_token"))
        for _ in range(MOST):
            rate_limits.spend(*session_guesses.count_of(identity))

    assert on_delete_page(thief, PASSWORD).status_code == 303
    assert not is_signed_in(thief)


def test_only_two_services_check_passwords() -> None:
    """Each of them limits the guesses; a third would have to do so as well."""
    callers = {
        file.name
        for folder in ("services", "web", "api", "cli", "http")
        for file in (ROOT / "authapp" / folder).rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("verify_password")
    }

    assert callers == {"login.py", "current_password.py"}
