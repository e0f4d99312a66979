"""Pages that refuse every code after too many wrong ones say what else helps."""

from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.models import User
from tests.support.accounts import PASSWORD
from tests.support.browsing import post, sign_in
from tests.support.messages import newest_to
from tests.support.second_factors import enroll

MOST = 3
NEW = "new@example.org"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(LIMIT_CODES_IN_A_ROW=str(MOST), LIMIT_SECOND_FACTOR_IN_A_ROW=str(MOST))


def last_answer(client: FlaskClient, path: str, page: str, **code: str) -> str:
    """Enter wrong codes until all are refused, and return the page."""
    for _ in range(MOST):
        assert post(client, path, page, **code).status_code == 422
    refused = post(client, path, page, **code)
    assert refused.status_code == 429
    text = unescape(refused.get_data(as_text=True))
    assert "Too many incorrect codes." in text, text
    return text


def test_the_link_helps_whoever_registered(app: Flask, client: FlaskClient) -> None:
    post(client, "/register", email=NEW, password=PASSWORD)
    link = newest_to(app, NEW, r"http://[^/]+(/verify/email/\S+)")

    here = last_answer(client, "/verify/email/code", "/verify/email", code="123456")
    elsewhere = post(app.test_client(), link, code="123456").get_data(as_text=True)

    assert "Open the link in our latest email in this browser instead." in here
    assert "Open the link in the browser in which you registered instead." in elsewhere
    assert post(client, link).status_code == 303


def test_the_link_helps_a_user_who_changes_the_address(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    post(client, "/account/email", email=NEW)
    link = newest_to(app, NEW, r"http://[^/]+(/account/email/\S+)")

    here = last_answer(client, "/account/email/code", "/account/email", code="123456")
    elsewhere = post(app.test_client(), link, code="123456").get_data(as_text=True)

    assert "Open the link in our latest email in this browser instead." in here
    assert "Open the link in a browser in which you're signed in" in unescape(elsewhere)
    assert post(client, link).status_code == 200


def test_support_helps_a_user_with_a_phone(client: FlaskClient, user: User) -> None:
    sign_in(client)
    post(client, "/verify/phone", region="GB", phone="+447400123456")

    shown = last_answer(client, "/verify/phone/code", "/verify/phone/code", code="123456")

    assert "Contact support to confirm your phone number." in shown


@pytest.mark.parametrize(
    ("path", "code", "advice"),
    [
        ("code", {"code": "123456"}, "Enter a recovery code instead."),
        (
            "recovery-code",
            {"recovery_code": "00000-00000"},
            "Choose another way to sign in, or contact support.",
        ),
    ],
)
def test_the_other_factor_helps(
    app: Flask, client: FlaskClient, user: User, path: str, code: dict[str, str], advice: str
) -> None:
    with app.app_context():
        enroll(user.id)
    asked = post(client, "/login", email="somebody@example.org", password=PASSWORD)
    page = asked.headers["Location"].replace("/login/code", f"/login/{path}")

    assert advice in last_answer(client, page, page, **code)
