"""Forms and cookies as a browser handles them, for tests that need no real browser."""

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.accounts import PASSWORD

_LONE_SURROGATE = "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")
HOSTILE = ["\x01", "a\x01@example.org", _LONE_SURROGATE, "x" * 100_000, "a@" + "b." * 200 + "c",
           "<script>", "%s%n", "\u202e@example.org", "@"]  # fmt: skip
"""Values for a form field that no user means to send."""


def post(client: FlaskClient, path: str, page: str | None = None, **fields: str) -> TestResponse:
    """Send a form as its page would, with its CSRF token and its flow."""
    html = client.get(page or path).get_data(as_text=True)
    return client.post(path, data={**hidden(html), **fields})


def hidden(html: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms, which every submission needs."""
    inputs = "".join(re.findall(r'<input[^>]*type="hidden"[^>]*>', html))
    found = dict(re.findall(r'name="(csrf_token|flow|revoke_tokens)"[^>]*value="([^"]+)"', inputs))
    assert "csrf_token" in found, "the page has no form"
    return found


def without_form_tokens(html: str) -> str:
    """Return a page without what changes every second: the time in the tokens of its forms."""
    return re.sub(r'(name="csrf_token"[^>]*value=")[^"]+', r"\1", html)


def csrf_token(client: FlaskClient, page: str = "/login") -> str:
    """Return the token of the form on a page."""
    return hidden(client.get(page).get_data(as_text=True))["csrf_token"]


def sign_in(client: FlaskClient, email: str = "somebody@example.org", **fields: str) -> None:
    """Sign the client in."""
    answer = post(client, "/login", email=email, password=PASSWORD, **fields)
    assert answer.status_code == 303, answer.get_data(as_text=True)


def cookie(client: FlaskClient, name: str) -> str:
    """Return a cookie's value."""
    found = client.get_cookie(name)
    assert found is not None
    return found.value


def is_signed_in(client: FlaskClient) -> bool:
    """Return whether the account page opens."""
    return client.get("/account").status_code == 200
