"""A request looks up a link or code once, counted in an application without Redis."""

from collections.abc import Callable
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp.models import User
from authapp.services import password_reset
from tests.support.accounts import PASSWORD
from tests.support.browsing import hidden, post, sign_in
from tests.support.costs import measured
from tests.support.messages import code_to, newest_to

EMAIL: Final = "somebody@example.org"
NEW_EMAIL: Final = "new@example.org"
NEW_PASSWORD: Final = "five entirely different words here"
PHONE: Final = "+447400123456"

Request = tuple[str, str, dict[str, str]]
"""Where a form is, where it goes, and what is typed."""


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(REDIS_URL="")


def link_to(app: Flask, email: str, path: str) -> str:
    return newest_to(app, email, rf"http://[^/]+({path}/\S+)")


def ask_for_reset(app: Flask, client: FlaskClient) -> str:
    post(client, "/password/reset", email=EMAIL)
    with app.app_context():
        password_reset.answer_requests()
    return link_to(app, EMAIL, "/password/reset")


def reset(app: Flask, client: FlaskClient) -> Request:
    page = client.get(ask_for_reset(app, client)).location
    return page, "/password/reset/new", {"new_password": NEW_PASSWORD}


def reset_badly(app: Flask, client: FlaskClient) -> Request:
    return (*reset(app, client)[:2], {"new_password": "short"})


def freeze(app: Flask, client: FlaskClient) -> Request:
    page, path, fields = reset(app, client)
    post(client, path, page, **fields)
    link = link_to(app, EMAIL, "/not-me")
    return link, link, {"email": EMAIL}


def keep(app: Flask, client: FlaskClient) -> Request:
    sign_in(client)
    post(client, "/account/delete", password=PASSWORD)
    page = post(client, "/login", email=EMAIL, password=PASSWORD).location
    return page, "/account/delete/keep", {}


def verify_email(app: Flask, client: FlaskClient) -> Request:
    post(client, "/register", email=NEW_EMAIL, password=PASSWORD)
    link = link_to(app, NEW_EMAIL, "/verify/email")
    return link, link, {}


def verify_email_by_code(app: Flask, client: FlaskClient) -> Request:
    page = post(client, "/register", email=NEW_EMAIL, password=PASSWORD).location
    return page, "/verify/email/code", {"code": code_to(app, NEW_EMAIL)}


def change_email(app: Flask, client: FlaskClient) -> Request:
    sign_in(client)
    post(client, "/account/email", email=NEW_EMAIL)
    link = link_to(app, NEW_EMAIL, "/account/email")
    return link, link, {}


def change_email_by_code(app: Flask, client: FlaskClient) -> Request:
    change_email(app, client)
    return "/account/email", "/account/email/code", {"code": code_to(app, NEW_EMAIL)}


def guess_at_change(app: Flask, client: FlaskClient) -> Request:
    change_email(app, client)
    return "/account/email", "/account/email/code", {"code": "nonsense"}


def verify_phone(app: Flask, client: FlaskClient) -> Request:
    sign_in(client)
    post(client, "/verify/phone", region="GB", phone=PHONE)
    return "/verify/phone/code", "/verify/phone/code", {"code": code_to(app, PHONE)}


def guess_at_phone(app: Flask, client: FlaskClient) -> Request:
    return (*verify_phone(app, client)[:2], {"code": "nonsense"})


def text_again(app: Flask, client: FlaskClient) -> Request:
    return verify_phone(app, client)[0], "/verify/phone/code/again", {}


def lookups(statements: list[str]) -> list[str]:
    """Return the statements that read links; a user's list is read by its ids first."""
    by_id = "FROM verification_tokens WHERE verification_tokens.id "
    return [each for each in statements if each.startswith("SELECT") and by_id in each]


@pytest.mark.parametrize(
    "prepare",
    [
        reset,
        reset_badly,
        freeze,
        keep,
        verify_email,
        verify_email_by_code,
        change_email,
        change_email_by_code,
        guess_at_change,
        verify_phone,
        guess_at_phone,
        text_again,
    ],
)
def test_each_request_reads_its_link_from_the_database_once(
    app: Flask, client: FlaskClient, user: User, prepare: Callable[..., Request]
) -> None:
    page, path, fields = prepare(app, client)

    with measured() as opening:
        opened = client.get(page)
    with measured() as sending:
        answer: TestResponse = client.post(path, data={**hidden(opened.text), **fields})

    assert answer.status_code in (200, 303, 422)
    assert len(lookups(opening.statements)) <= 1, opening.statements
    assert len(lookups(sending.statements)) == 1, sending.statements
