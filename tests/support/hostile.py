"""Requests that no client would send, and what every answer to them must be."""

import json
import re
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import create_environ, run_wsgi_app

from authapp.http.problems import TYPES

FORM = "application/x-www-form-urlencoded"
UUID = b"c5ab40f9-c286-4a10-b860-9c66441936b0"

FIELDS = ("email", "password", "new_password", "current_password", "phone", "code", "name",
          "scopes", "expiry", "expires_at", "overlap", "end", "end_others", "remember",
          "token", "token_type_hint")  # fmt: skip
HEADERS = ("USER_AGENT", "REFERER", "ORIGIN", "ACCEPT", "ACCEPT_LANGUAGE", "ACCEPT_ENCODING",
           "RANGE", "IF_NONE_MATCH", "IF_MODIFIED_SINCE", "X_FORWARDED_FOR",
           "X_FORWARDED_PROTO")  # fmt: skip
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


def json_fields(app: Flask) -> dict[str, list[str]]:
    """Return the names of the fields that each operation's body has, by method and path."""
    document = app.test_client().get("/api/openapi.json").json
    models = document["components"]["schemas"]
    fields: dict[str, list[str]] = {}
    for url, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                model = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
                fields[f"{method} {url}"] = list(models[model]["properties"])
    return fields


def routes(app: Flask) -> list[tuple[Rule, str]]:
    return [(rule, method) for rule in app.url_map.iter_rules() for method in sorted(rule.methods)]
