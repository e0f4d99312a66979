"""What an account with an unverified address may do."""

from collections.abc import Callable

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from authapp.models import User, db
from authapp.web.access import Access, allow
from tests.support.browsing import is_signed_in, sign_in

MakeApp = Callable[..., Flask]


@pytest.fixture
def make_client(make_app: MakeApp) -> Callable[..., FlaskClient]:
    """Return a client of an application with pages that require a verified address."""

    def make(**changes: str) -> FlaskClient:
        app = make_app(**changes)
        for name, access in [("verified", Access.VERIFIED),
                             ("both", Access.FRESH | Access.VERIFIED)]:  # fmt: skip
            blueprint = Blueprint(name, __name__)
            blueprint.add_url_rule(f"/{name}", "show", lambda: "there", methods=["GET", "POST"])
            allow(app, blueprint, access)
        return app.test_client()

    return make


@pytest.fixture
def newcomer(app: Flask, user: User) -> User:
    """A user whose address is not verified yet."""
    with app.app_context():
        db.session.get(User, user.id).email_verified_at = None
        db.session.commit()
    return user


def test_an_unverified_user_stays_signed_in_and_is_asked_to_verify(
    make_client: Callable[..., FlaskClient], newcomer: User
) -> None:
    client = make_client()
    sign_in(client)

    for path in ("/verified", "/both"):
        answer = client.get(path)
        assert answer.headers["Location"] == "/verify/email"
        told = client.get("/verify/email").get_data(as_text=True)
        assert "Confirm your email address to continue." in told
    assert is_signed_in(client)


def test_a_verified_user_can_open_every_page(
    make_client: Callable[..., FlaskClient], user: User, move_time: Callable[..., object]
) -> None:
    client = make_client()
    sign_in(client)

    assert client.get("/verified").get_data(as_text=True) == "there"
    assert client.get("/both").get_data(as_text=True) == "there"
    with move_time(minutes=16):
        assert client.get("/verified").status_code == 200
        assert client.get("/both").headers["Location"].startswith("/account/confirm")


def test_a_deployment_can_waive_the_verified_address(
    make_client: Callable[..., FlaskClient], newcomer: User
) -> None:
    client = make_client(UNVERIFIED_MAY="everything")
    sign_in(client)

    assert client.get("/verified").status_code == 200


def test_an_anonymous_visitor_is_sent_to_sign_in(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client()

    assert client.get("/verified").headers["Location"] == "/login?next=/verified"
