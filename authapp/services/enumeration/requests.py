"""The requests that anyone can send about an address, as a visitor sends them one after another."""

import json
import secrets
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from authapp.domain import registration
from authapp.services import email_sign_in
from authapp.services.enumeration.visitor import Answer, Visitor

EXPECTED: Final = {
    "register": HTTPStatus.SEE_OTHER,
    "code page": HTTPStatus.OK,
    "sign in": HTTPStatus.UNPROCESSABLE_ENTITY,
    "API sign-in": HTTPStatus.UNAUTHORIZED,
    "enter code": HTTPStatus.UNPROCESSABLE_ENTITY,
    "send again": HTTPStatus.SEE_OTHER,
    "reset password": HTTPStatus.SEE_OTHER,
    "email sign-in": HTTPStatus.SEE_OTHER,
    "sign-in code": HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""The status of each request about an address that no one has used."""

_IF_EMAIL_SIGN_IN: Final = ("email sign-in", "sign-in code")
_IF_REGISTRATION: Final = ("register", "code page", "enter code", "send again")


def every_request() -> list[str]:
    """Return the names of the requests that the settings allow."""
    left_out = set() if email_sign_in.is_offered() else {*_IF_EMAIL_SIGN_IN}
    if not registration.is_open():
        left_out |= {*_IF_REGISTRATION}
    return [name for name in EXPECTED if name not in left_out]


def send_all(visitor: Visitor, email: str) -> Iterator[tuple[str, Answer]]:
    """Send every request, and yield its name and the answer.

    The password is the one that the visitor has just chosen for the address. It differs for each
    visitor, because one password for many accounts is limited.
    """
    credentials = {"email": email, "password": secrets.token_urlsafe(24)}
    page = None
    if registration.is_open():
        registered = visitor.submit("/register", visitor.get("/register"), **credentials)
        yield "register", registered
        page = visitor.get(dict(registered.headers).get("location", "/verify/email"))
        yield "code page", page
    yield "sign in", visitor.submit("/login", visitor.get("/login"), **credentials)
    yield "API sign-in", visitor.post_json("/api/v1/login", json.dumps(credentials))
    if page is not None:
        yield "enter code", visitor.submit("/verify/email/code", page, code="000000")
        yield "send again", visitor.submit("/verify/email", page)
    asked = visitor.submit("/password/reset", visitor.get("/password/reset"), email=email)
    yield "reset password", asked
    if email_sign_in.is_offered():
        yield from _ask_for_sign_in_code(visitor, email)


def _ask_for_sign_in_code(visitor: Visitor, email: str) -> Iterator[tuple[str, Answer]]:
    path = "/login/email"
    asked = visitor.submit(path, visitor.get(path), email=email)
    yield "email sign-in", asked
    page = visitor.get(dict(asked.headers).get("location", path))
    yield "sign-in code", visitor.submit(f"{path}/code", page, code="000000")
