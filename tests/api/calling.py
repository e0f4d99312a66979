"""Acting as a program in tests: creating tokens and sending requests with them."""

from flask import Flask
from flask.testing import FlaskClient

from authapp.domain.client import API, Client
from authapp.domain.sessions import SignedIn
from authapp.domain.sign_ins import SignInDevice
from authapp.models import OPERATORS_SCOPES, Scope, User
from authapp.services import api_tokens, login, users
from tests.support.accounts import PASSWORD

PROGRAM = Client("192.0.2.7", "program/1.0", API)


def new_token(app: Flask, user: User, *scopes: Scope, name: str = "program") -> str:
    """Create an API token, with an operator's grant if it needs one, and return its value."""
    with app.app_context():
        for scope in OPERATORS_SCOPES & set(scopes):
            users.grant(user.id, scope)
        return api_tokens.create(
            user.id, name=name, scopes=scopes, expires_at=None, client=PROGRAM
        ).value


def begin(app: Flask, user: User, *, remember: bool = True) -> SignedIn:
    """Start a session as a program would."""
    with app.app_context():
        return login.sign_in(user.email, PASSWORD, remember=remember, device=SignInDevice(PROGRAM))


def bearing(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def without_cookies(app: Flask) -> FlaskClient:
    """Return a client that keeps no cookies, like that of a program."""
    return app.test_client(use_cookies=False)
