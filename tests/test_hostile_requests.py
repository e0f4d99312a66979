"""No bytes, in any part of a request, cause a server error, and every error is explained."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes, urlencode

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import create_environ, run_wsgi_app

from authapp.http.problems import TYPES
from authapp.models import Scope, User
from tests.api.calling import PROGRAM, new_token
from tests.support.accounts import start_session
from tests.support.applications import introduce_redis
from tests.support.browsing import cookie, csrf_token

FORM = "application/x-www-form-urlencoded"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW")
UUID = b"c5ab40f9-c286-4a10-b860-9c66441936b0"

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

FIELDS = ("email", "password", "new_password", "current_password", "phone", "code", "name",
          "scopes", "expiry", "expires_at", "overlap", "end", "end_others", "remember",
          "token", "token_type_hint")  # fmt: skip
HEADERS = ("USER_AGENT", "REFERER", "ORIGIN", "ACCEPT", "ACCEPT_LANGUAGE", "ACCEPT_ENCODING",
           "RANGE", "IF_NONE_MATCH", "IF_MODIFIED_SINCE", "X_FORWARDED_FOR",
           "X_FORWARDED_PROTO")  # fmt: skip
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

SLOW = {
    "marks out of order": "a" + "\u0315" * 20_000 + "\u0300" * 20_000,
    "substitutes for letters": "4@8({[<369&6!1|7+0$5%2" * 1_800,
    "dots": "a@" + "a." * 20_000,
}
"""Long values on which an algorithm with a bad worst case takes seconds."""

MOST_CPU_SECONDS = 0.5

HOSTS = ("..", "a b\0", "\xff")


Request = tuple[Rule, str, dict[str, Any]]
"""A route, a method, and what to send: the body, a value for the path, and WSGI's variables."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Sender:
    """Sends requests that no client would: each byte arrives unchanged."""

    def __init__(self, app: Flask, credentials: Callable[[Rule], dict[str, str]]) -> None:
        self.app = app
        self.credentials = credentials
        self.answers: Counter[int] = Counter()

    def send(self, rule: Rule, method: str, request: dict[str, Any]) -> None:
        """Send a request, and check its answer."""
        body = request.get("body", b"")
        environ = {
            **create_environ(method=method),
            "PATH_INFO": path(rule, request.get("value", UUID)),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            **{name: value for name, value in request.items() if name.isupper()},
            **self.credentials(rule),
        }
        chunks, status, headers = run_wsgi_app(self.app, environ, buffered=True)
        answer = Answer(int(status[:3]), dict(headers), b"".join(chunks))
        self.answers[answer.status] += 1
        try:
            check(answer, method, is_for_program=is_for_program(rule))
        except AssertionError as error:
            error.add_note(f"{method} {rule.rule} {str(request)[:500]}")
            raise


def is_for_program(rule: Rule) -> bool:
    """Return whether a route is for programs."""
    return rule.rule.startswith(("/api/", "/oauth/", "/auth/", "/.well-known/")) or rule.rule in (
        "/healthz",
        "/readyz",
        "/metrics",
    )


def path(rule: Rule, value: bytes) -> str:
    """Return a rule's path with every argument replaced."""
    return re.sub("<[^>]+>", lambda _: value.decode("latin-1"), rule.rule)


def check(answer: Answer, method: str, *, is_for_program: bool) -> None:
    """Check that no answer is a server error, and that programs get a problem document."""
    assert answer.status < 500, answer
    assert "X-Injected" not in answer.headers
    if answer.status >= 400 and is_for_program and method != "HEAD":
        assert answer.headers["Content-Type"] == "application/problem+json"
        document = json.loads(answer.body)
        assert document["status"] == answer.status
        assert document["type"].startswith(TYPES)
        assert document["title"]
        assert document["detail"]
    elif answer.status >= 400 and method != "HEAD":
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert b"<h1" in answer.body


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


def json_fields(app: Flask) -> dict[str, list[str]]:
    """Return the names of the fields that each operation's body has, by method and path."""
    document = app.test_client().get("/api/openapi.json").json
    models = document["components"]["schemas"]
    fields: dict[str, list[str]] = {}
    for url, methods in document["paths"].items():
        for method, operation in methods.items():
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                model = content["schema"]["$ref"].rpartition("/")[2]
                fields[f"{method} {url}"] = list(models[model]["properties"])
    return fields


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


def routes(app: Flask) -> list[tuple[Rule, str]]:
    return [(rule, method) for rule in app.url_map.iter_rules() for method in sorted(rule.methods)]


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


def slow(app: Flask, csrf: str, value: str) -> Iterator[Request]:
    """Yield a request to every route with a value in one field, parameter or header at a time."""
    fields, encoded = json_fields(app), value.encode()
    for rule, method in routes(app):
        operation = f"{method.lower()} {rule.rule.replace('<uuid:id>', '{id}')}"
        if operation in fields:
            for field in fields[operation]:
                body = json.dumps({**dict.fromkeys(fields[operation], "x"), field: value})
                yield rule, method, {"body": body.encode(), "CONTENT_TYPE": "application/json"}
        elif method == "POST":
            for field in FIELDS:
                pairs = {**dict.fromkeys(FIELDS, "x@example.org"), field: value}
                form = urlencode({"csrf_token": csrf, **pairs}).encode()
                yield rule, method, {"body": form, "CONTENT_TYPE": FORM}
        elif method == "GET":
            yield rule, method, {"QUERY_STRING": urlencode({"next": value})}
            yield rule, method, {"HTTP_COOKIE": f"access_token={encoded.decode('latin-1')}"}
    for rule, method in routes(app):
        if rule.rule in ("/login", "/auth/check", "/api/v1/me") and method == "GET":
            for header in (*HEADERS, "AUTHORIZATION"):
                yield rule, method, {f"HTTP_{header}": encoded.decode("latin-1")}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("value", SLOW)
def test_no_value_takes_a_second_of_cpu(app: Flask, value: str) -> None:
    client = app.test_client()
    csrf = csrf_token(client)
    browser = f"session={cookie(client, 'session')}"
    sender = Sender(app, lambda _: {})
    took: list[tuple[float, str]] = []

    for rule, method, request in slow(app, csrf, SLOW[value]):
        request["HTTP_COOKIE"] = f"{browser}; {request.get('HTTP_COOKIE', '')}"
        began = time.process_time()
        sender.send(rule, method, request)
        seconds = time.process_time() - began
        took.append((seconds, f"{method} {rule.rule} {str(request)[:200]}"))

    assert len(took) > 500
    assert max(took)[0] < MOST_CPU_SECONDS, max(took)
