"""No bytes, in any part of a request, cause a server error, and every error is explained."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from flask import Flask
from werkzeug.routing import Rule

from authapp.domain.factors import authentication_methods
from authapp.domain.roles import ADMIN
from authapp.models import Scope, User
from authapp.services import roles
from tests.api.calling import PROGRAM, new_token
from tests.support.accounts import start_session
from tests.support.applications import introduce_redis
from tests.support.browsing import cookie, csrf_token
from tests.support.hostile import (
    FIELDS,
    FORM,
    HEADERS,
    UUID,
    Request,
    Sender,
    is_for_program,
    json_fields,
    routes,
)

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW")

HOSTILE = [
    b"\0",
    b"a\0b@example.org",
    b"\xff\xfe\xc0\x80",
    "\ud800".encode("utf-8", "surrogatepass"),
    "\u202e\ufeff\U0010ffff@example.org".encode(),
    b"%00%ff%",
    b"../../etc/passwd\r\nX-Injected: 1",
    b"9" * 5000,
    b"." * 2000,
    b"-1",
    UUID,
]
"""Each is sent as every path argument, body field, parameter, header and cookie at once."""

COOKIES = (b"session", b"access_token", b"refresh_token", b"device")

MALFORMED: list[dict[str, Any]] = [
    {"body": b"\xff\xfe{}", "CONTENT_TYPE": "application/json"},
    {"body": b"\xef\xbb\xbf{}", "CONTENT_TYPE": "application/json"},
    {"body": '{"email": "a"}'.encode("utf-16-le"), "CONTENT_TYPE": "application/json"},
    {"body": rb'{"email": "\ud800", "password": 1e400}', "CONTENT_TYPE": "application/json"},
    {"body": b'{"email": "\xe9"}', "CONTENT_TYPE": "application/json"},
    {"body": b'{"token": 1, "token": 2}', "CONTENT_TYPE": "application/json"},
    {"body": b"[" * 100_000, "CONTENT_TYPE": "application/json"},
    {"body": b"{}", "CONTENT_TYPE": "application/json; charset=\xff"},
    {"body": b"token=a&token=b&email=%ff", "CONTENT_TYPE": FORM},
    {"body": b"\xff=\0", "CONTENT_TYPE": FORM},
    {"body": b"x" * 300_000, "CONTENT_TYPE": FORM},
    {"body": b"--x\r\n\r\n", "CONTENT_TYPE": "multipart/form-data"},
    {"body": b"--x\r\n\r\n", "CONTENT_TYPE": "multipart/form-data; boundary=\xff"},
    {"body": b'--x\r\nContent-Disposition: form-data; name="a"; filename="\xff"\r\n\r\n\0\r\n--x--',
     "CONTENT_TYPE": "multipart/form-data; boundary=x"},
    {"body": b"{}", "CONTENT_TYPE": "\xff\0"},
    {"body": b"{}", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "10"},
    {"body": b"{}", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "-1"},
    {"body": b"{}", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "x"},
    {"body": b"{}", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "9" * 30},
]  # fmt: skip
"""Bodies, and headers that describe them, that cannot be parsed."""

HOSTS = ("..", "a b\0", "\xff")

PARAMETERS_OF_ADMINISTRATORS = {
    "admin.show": ("refresh",),
    "admin.list_users": ("search", "after"),
    "admin.list_audit": ("account", "action", "before"),
}


def everywhere(value: bytes, body: dict[str, Any]) -> dict[str, Any]:
    """Return a request that has a value in every place."""
    text = value.decode("latin-1")
    cookies = b"; ".join(name + b"=" + value for name in COOKIES).decode("latin-1")
    return {
        "value": value,
        "QUERY_STRING": f"next={text}&before={text}&{text}={text}&next={quote_from_bytes(value)}",
        **{f"HTTP_{name}": text for name in HEADERS},
        "HTTP_AUTHORIZATION": f"Bearer {text}",
        "HTTP_COOKIE": cookies,
        **body,
    }


def form_of(value: bytes, csrf: str) -> dict[str, Any]:
    """Return a form with a value in every field that any form has, as if from our own page."""
    pairs = [f"{name}={quote_from_bytes(value)}" for name in FIELDS]
    body = "&".join([f"csrf_token={csrf}", *pairs]).encode()
    return {"body": body, "CONTENT_TYPE": FORM, "HTTP_SEC_FETCH_SITE": "same-origin"}


def json_of(value: bytes, fields: list[str]) -> dict[str, Any]:
    """Return a JSON object with a value in every field of an operation."""
    text = value.decode("utf-8", "replace")
    return {
        "body": json.dumps(dict.fromkeys(fields, text)).encode(),
        "CONTENT_TYPE": "application/json",
    }


def hostile(app: Flask, csrf: str) -> Iterator[Request]:
    """Yield a request to every route with each hostile value."""
    fields = json_fields(app)
    for rule, method in routes(app):
        operation = f"{method.lower()} {rule.rule.replace('<uuid:id>', '{id}')}"
        for value in HOSTILE if method not in ("HEAD", "OPTIONS") else HOSTILE[:2]:
            if operation in fields:
                yield rule, method, everywhere(value, json_of(value, fields[operation]))
            else:
                yield rule, method, everywhere(value, form_of(value, csrf))


def malformed(app: Flask) -> Iterator[Request]:
    """Yield a request to every route that takes a body, with each malformed body."""
    for rule, method in routes(app):
        if method not in ("GET", "HEAD", "OPTIONS"):
            yield from ((rule, method, each) for each in MALFORMED)


def misdirected(app: Flask) -> Iterator[Request]:
    """Yield a request to every route with each invalid host and each unsupported method."""
    for rule, method in routes(app):
        yield from ((rule, method, {"HTTP_HOST": host}) for host in HOSTS)
    for rule in app.url_map.iter_rules():
        for method in METHODS:
            if method not in rule.methods:
                yield rule, method, everywhere(b"x", {})


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application that answers every request by its route, without rate limits."""
    app = make_app(REQUEST_BUDGET="0")
    introduce_redis(app)
    return app


def test_no_anonymous_request_causes_a_server_error(app: Flask) -> None:
    sender = Sender(app, lambda _: {})

    for rule, method, request in chain(hostile(app, "x"), malformed(app), misdirected(app)):
        sender.send(rule, method, request)

    assert set(sender.answers) >= {200, 303, 400, 401, 404, 405, 413, 415, 422}, sender.answers


def test_no_signed_in_request_causes_a_server_error(app: Flask, user: User) -> None:
    client = app.test_client()
    csrf = csrf_token(client)
    browser = cookie(client, "session")
    token = new_token(app, user, *Scope)

    @cache
    def session_for(_endpoint: str) -> str:
        """Return a separate session for each route, because one of them signs out."""
        with app.app_context():
            return start_session(user.id, remember=True, client=PROGRAM).access_token

    def credentials(rule: Rule) -> dict[str, str]:
        if is_for_program(rule):
            return {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        cookies = f"session={browser}; access_token={session_for(rule.endpoint)}"
        return {"HTTP_COOKIE": cookies, "HTTP_AUTHORIZATION": ""}

    sender = Sender(app, credentials)
    # A page refuses a malformed body before it checks who sent it.
    for_programs = (each for each in malformed(app) if is_for_program(each[0]))
    for rule, method, request in chain(hostile(app, csrf), for_programs):
        sender.send(rule, method, request)

    assert set(sender.answers) >= {200, 204, 303, 400, 404, 413, 415, 422}, sender.answers


def test_no_request_of_an_administrator_causes_a_server_error(app: Flask, user: User) -> None:
    client = app.test_client()
    csrf = csrf_token(client)
    with app.app_context():
        roles.grant(user.id, ADMIN)
        amr = authentication_methods.PASSKEY
        session = start_session(user.id, remember=True, client=PROGRAM, amr=amr)
    cookies = f"session={cookie(client, 'session')}; access_token={session.access_token}"
    sender = Sender(app, lambda _: {"HTTP_COOKIE": cookies, "HTTP_AUTHORIZATION": ""})

    for rule, method in routes(app):
        is_for_administrators = rule.endpoint.startswith(("admin.", "admin_invite."))
        if not is_for_administrators or method not in ("GET", "POST"):
            continue
        for value in (*HOSTILE, str(user.id).encode()):
            request = everywhere(value, form_of(value, csrf))
            # One at a time: the first that is refused hides the others.
            for name in PARAMETERS_OF_ADMINISTRATORS.get(rule.endpoint, ("any",)):
                query = f"{name}={quote_from_bytes(value)}"
                sender.send(rule, method, {**request, "QUERY_STRING": query})

    assert set(sender.answers) >= {200, 404}, sender.answers
