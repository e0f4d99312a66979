"""Who may register: REGISTRATION and REGISTRATION_DOMAINS."""

from collections.abc import Callable
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp.config import load
from authapp.errors import ConfigError
from authapp.models import User, db
from authapp.services import invitations
from tests.support.accounts import PASSWORD, add_user
from tests.support.browsing import hidden, post, sign_in, without_form_tokens
from tests.support.on_sqlite import on_sqlite

CLOSED: Final = [("closed", "Registration is closed"), ("invitation", "You need an invitation")]
PAGES: Final = ["/login", "/password/reset/sent", "/verify/email", "/verify/email/nonsense"]


def register(client: FlaskClient, email: str) -> TestResponse:
    """Send the form, even where the page does not show it."""
    page = client.get("/login").get_data(as_text=True)
    fields = {**hidden(page), "email": email, "password": PASSWORD}
    return client.post("/register", data=fields)


def accounts(app: Flask) -> set[str]:
    with app.app_context():
        return set(db.session.scalars(db.select(User.email)))


@pytest.mark.parametrize(("mode", "title"), CLOSED)
def test_the_page_says_that_no_one_can_register(
    make_app: Callable[..., Flask], mode: str, title: str
) -> None:
    app = make_app(REGISTRATION=mode)
    client = app.test_client()

    shown, sent = client.get("/register"), register(client, "new@example.org")

    for answer in (shown, sent):
        assert answer.status_code == 403
        assert f"<h1>{title}</h1>" in answer.get_data(as_text=True)
    assert accounts(app) == set()


@pytest.mark.parametrize(("mode", "_title"), CLOSED)
def test_no_page_leads_to_registration(
    make_app: Callable[..., Flask], mode: str, _title: str
) -> None:
    opened, closed = make_app().test_client(), make_app(REGISTRATION=mode).test_client()

    for path in PAGES:
        assert 'href="/register' in opened.get(path).get_data(as_text=True)
        assert "/register" not in closed.get(path).get_data(as_text=True)


@pytest.mark.parametrize(("mode", "_title"), CLOSED)
def test_the_answer_is_the_same_for_an_existing_address(
    make_app: Callable[..., Flask], mode: str, _title: str
) -> None:
    app = make_app(REGISTRATION=mode)
    with app.app_context():
        add_user("owner@example.org")

    pages = [
        without_form_tokens(register(app.test_client(), email).get_data(as_text=True))
        for email in ("owner@example.org", "absent@example.org")
    ]

    assert pages[0] == pages[1]
    sign_in(app.test_client(), "owner@example.org")


@pytest.fixture
def by_domain(make_app: Callable[..., Flask]) -> Flask:
    return make_app(REGISTRATION="domains", REGISTRATION_DOMAINS="Example.org, bücher.example")


@pytest.mark.parametrize(
    "email",
    ["new@example.org", "NEW@EXAMPLE.ORG", "x@bücher.example", "x@xn--bcher-kva.example"],
)
def test_an_address_at_an_allowed_domain_can_register(by_domain: Flask, email: str) -> None:
    done = post(by_domain.test_client(), "/register", email=email, password=PASSWORD)

    assert done.status_code == 303
    assert len(accounts(by_domain)) == 1


@pytest.mark.parametrize(
    "email",
    ["new@sub.example.org", "new@example.org.evil.example", "new@notexample.org", "a@example.com"],
)
def test_an_address_elsewhere_cannot_whether_or_not_it_has_an_account(
    by_domain: Flask, email: str
) -> None:
    client = by_domain.test_client()
    pages = []
    for exists in (False, True):
        if exists:
            with by_domain.app_context():
                add_user(email)
        refused = post(client, "/register", email=email, password=PASSWORD)
        assert refused.status_code == 422
        pages.append(without_form_tokens(refused.get_data(as_text=True)))

    assert pages[0] == pages[1]
    assert "Enter an email address at one of: example.org, bücher.example." in pages[0]
    assert accounts(by_domain) == {email}


def test_operators_invite_addresses_of_any_domain(by_domain: Flask) -> None:
    with by_domain.app_context():
        invitations.invite("partner@elsewhere.example")

    assert accounts(by_domain) == {"partner@elsewhere.example"}


@on_sqlite
@pytest.mark.parametrize(
    "settings",
    [
        {"REGISTRATION": "domains"},
        {"REGISTRATION_DOMAINS": "example.org"},
        {"REGISTRATION": "domains", "REGISTRATION_DOMAINS": "@example.org"},
        {"REGISTRATION": "domains", "REGISTRATION_DOMAINS": "example"},
        {"REGISTRATION": "anyone"},
        {"SECOND_FACTOR": "off"},
        {"SECOND_FACTOR": "off", "SECOND_FACTOR_ROLES": "admin"},
        {"SECOND_FACTOR_ROLES": "none,admin,Admin"},
        {"SECOND_FACTOR_ROLES": "Admin"},
    ],
)
def test_contradictory_settings_are_refused(
    environ: dict[str, str], settings: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match="|".join(settings)):
        load({**environ, **settings})
