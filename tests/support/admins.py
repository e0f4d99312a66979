"""Accounts that may open the operators' pages."""

from flask import Blueprint, Flask
from flask.testing import FlaskClient

from authapp.domain.roles import ADMIN
from authapp.services import audit_chain, roles, users
from authapp.web.access import Access, allow
from tests.support.accounts import add_user
from tests.support.browsing import sign_in


def add_promotion(app: Flask) -> None:
    """Add a page that makes an account an administrator, for browsers."""
    promotion = Blueprint("promotion", __name__)

    @promotion.get("/promote/<email>")
    def promote(email: str) -> str:
        roles.grant(users.find(email).id, ADMIN)
        audit_chain.extend()
        return "done"

    allow(app, promotion, Access.ANYONE)


def sign_in_administrator(app: Flask, client: FlaskClient) -> str:
    """Sign a client in as an administrator, and return the account's id."""
    email = "admin@example.org"
    with app.app_context():
        id = add_user(email).id
        roles.grant(id, ADMIN)
    sign_in(client, email)
    return str(id)
