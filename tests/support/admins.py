"""Accounts that may open the operators' pages: they have a second factor."""

from flask import Blueprint, Flask
from flask.testing import FlaskClient

from authapp.domain.roles import ADMIN
from authapp.services import audit_chain, roles, users
from authapp.web.access import Access, allow
from tests.support.accounts import PASSWORD, add_user
from tests.support.browsing import post
from tests.support.second_factors import code_of, enroll


def add_promotion(app: Flask) -> None:
    """Add a page that makes an account an administrator, for browsers.

    It answers with the secret of the account's authenticator app.
    """
    promotion = Blueprint("promotion", __name__)

    @promotion.get("/promote/<email>")
    def promote(email: str) -> str:
        user_id = users.find(email).id
        secret, _ = enroll(user_id)
        roles.grant(user_id, ADMIN)
        audit_chain.extend()
        return secret

    allow(app, promotion, Access.ANYONE)


def sign_in_administrator(app: Flask, client: FlaskClient) -> str:
    """Sign a client in as an administrator, and return the account's id."""
    email = "admin@example.org"
    with app.app_context():
        id = add_user(email).id
        secret, _ = enroll(id)
        roles.grant(id, ADMIN)
    asked = post(client, "/login", email=email, password=PASSWORD)
    post(client, asked.headers["Location"], code=code_of(secret))
    return str(id)
