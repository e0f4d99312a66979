"""No input costs a request much more CPU than a harmless one of the same length.

Each value is sent alone, in one field, parameter or header, so that no other is refused first.
"""

import inspect
import json
import math
import re
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import count, islice
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from werkzeug.routing import Rule

from authapp.models import Scope, User
from authapp.web.access import Access, rule_of
from tests.api.calling import PROGRAM, new_token
from tests.support.accounts import start_session
from tests.support.applications import introduce_redis
from tests.support.browsing import cookie, csrf_token
from tests.support.hostile import FIELDS, FORM, HEADERS, Sender, is_for_program, json_fields, routes
from tests.support.on_sqlite import on_sqlite

pytestmark = on_sqlite

LENGTH = 12_000
HEADER_LENGTH = 60_000
"""The server refuses more than 64 KiB of headers."""

VALUES = {
    "marks out of order": "\u0315" * (LENGTH // 2) + "\u0300" * (LENGTH // 2),
    "substitutes for letters": "4@8({[<369&6!1|7+0$5%2",
    "labels": "a@" + "a." * (LENGTH // 2),
    "encoded labels": "a@" + "xn--a." * (LENGTH // 6),
    "Arabic digits": "a@" + "\u0660" * LENGTH,
    "digits": "9",
    "spaces": " \t\u00a0",
    "ligatures": "\ufdfa",
    "brackets": "[{(<",
}
"""Texts on which an algorithm with a bad worst case takes long; short ones are repeated."""

ELEMENTS = {
    "languages": "en;q=0.1,",
    "cookies": "a=b; ",
    "addresses": "192.0.2.1, ",
    "ranges": "0-1,",
    "quotes": '"a", W/"',
    "parameters": "a/b;c=d,",
    "backslashes": '\\"',
}
"""What is repeated in a header."""

DOCUMENTS = {
    "members": '"%s":1,',
    "numbers": '"%s":1e5,',
    "texts": '"%s":"\\u0041\\n",',
    "lists": '"%s":[[[[]]]],',
    "deep": '"%s":' + "[" * 14 + "]" * 14 + ",",
}
"""What is repeated in a JSON body, with another name each time."""

FACTOR = 8
FLOOR_SECONDS = 0.03
"""A request may take this much, and FACTOR times as long as the harmless one."""

_addresses = count(1)


class Meter(Sender):
    """Measures the CPU that requests take, each from another client."""

    def __init__(
        self, app: Flask, credentials: Callable[[Rule], dict[str, str]], csrf: str
    ) -> None:
        super().__init__(app, credentials)
        self.csrf = csrf

    def check_costs(
        self, rule: Rule, method: str, harmless: dict[str, Any], hostile: list[dict[str, Any]]
    ) -> None:
        """Send each request, and compare it with the harmless one."""
        most = FLOOR_SECONDS + FACTOR * self._seconds(rule, method, harmless)
        for request in hostile:
            # Other threads of this process take CPU too.
            least = min(islice(self._until(most, rule, method, request), 3))
            assert least <= most, f"{method} {rule.rule} {least:.3f} s: {str(request)[:300]}"

    def _until(
        self, most: float, rule: Rule, method: str, request: dict[str, Any]
    ) -> Iterator[float]:
        """Yield what each try takes, up to the first that is cheap enough."""
        seconds = math.inf
        while seconds > most:
            seconds = self._seconds(rule, method, request)
            yield seconds

    def _seconds(self, rule: Rule, method: str, request: dict[str, Any]) -> float:
        address = {"REMOTE_ADDR": f"2001:db8:{next(_addresses):x}::1"}
        began = time.process_time()
        self.send(rule, method, {**request, **address})
        return time.process_time() - began


def text(unit: str, length: int = LENGTH) -> str:
    return (unit * (length // len(unit) + 1))[:length]


def fields_of(app: Flask, rule: Rule) -> list[str]:
    """Return the names of the fields that the module of a view mentions."""
    source = inspect.getsource(inspect.getmodule(app.view_functions[rule.endpoint]))
    return [name for name in FIELDS if re.search(rf"\b{name}\b", source)]


def form(csrf: str, fields: list[str], field: str, value: str) -> dict[str, Any]:
    pairs = {"csrf_token": csrf, **dict.fromkeys(fields, "x@example.org"), field: value}
    return {"body": urlencode(pairs).encode(), "CONTENT_TYPE": FORM}


def document(fields: list[str], field: str, value: str) -> dict[str, Any]:
    body = json.dumps({**dict.fromkeys(fields, "x"), field: value})
    return {"body": body.encode(), "CONTENT_TYPE": "application/json"}


def header(name: str, value: str) -> dict[str, Any]:
    return {f"HTTP_{name}": value.encode().decode("latin-1")[:HEADER_LENGTH]}


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app(REQUEST_BUDGET="0", TRUSTED_PROXIES="0")
    introduce_redis(app)
    return app


@pytest.fixture
def meter(app: Flask, user: User) -> Meter:
    """A sender with the credentials that each route needs."""
    browser = app.test_client()
    csrf = csrf_token(browser)
    session = f"session={cookie(browser, 'session')}"
    token = new_token(app, user, *Scope)

    @cache
    def access_token(_endpoint: str) -> str:
        with app.app_context():
            return start_session(user.id, remember=True, client=PROGRAM).access_token

    def credentials(rule: Rule) -> dict[str, str]:
        if is_for_program(rule):
            return {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        with app.app_context():
            needs_session = Access.SIGNED_IN in (rule_of(rule.endpoint) or Access.ANYONE)
        signed_in = f"; access_token={access_token(rule.endpoint)}" if needs_session else ""
        return {"HTTP_COOKIE": session + signed_in}

    return Meter(app, credentials, csrf)


@pytest.mark.long
def test_no_text_is_expensive_in_any_field(app: Flask, meter: Meter) -> None:
    operations = json_fields(app)
    values = [text(value) for value in VALUES.values()]
    for rule, method in routes(app):
        operation = f"{method.lower()} {rule.rule.replace('<uuid:id>', '{id}')}"
        fields = operations.get(operation, fields_of(app, rule))
        make = document if operation in operations else partial(form, meter.csrf)
        for field in fields if method in ("POST", "PATCH", "PUT") else []:
            hostile = [make(fields, field, value) for value in values]
            meter.check_costs(rule, method, make(fields, field, text("x")), hostile)

    assert sum(meter.answers.values()) > 300


def test_no_query_or_path_is_expensive(app: Flask, meter: Meter) -> None:
    values = [*map(text, VALUES.values()), text("/a"), text("%2F"), text("a=b&"), text("/../")]
    for rule, method in routes(app):
        if method == "GET":
            queries = [{"QUERY_STRING": urlencode({"next": value})} for value in values]
            raw = [{"QUERY_STRING": value.encode().decode("latin-1")} for value in values]
            paths = [{"value": value.encode()} for value in values] if "<" in rule.rule else []
            harmless = {"QUERY_STRING": urlencode({"next": text("x")})}
            meter.check_costs(rule, method, harmless, [*queries, *raw, *paths])


def test_no_header_is_expensive(app: Flask, meter: Meter) -> None:
    units = [*VALUES.values(), *ELEMENTS.values()]
    values = [text(unit, HEADER_LENGTH) for unit in units]
    for rule, method in routes(app):
        if method == "GET" and rule.rule in ("/login", "/account", "/auth/check", "/api/v1/me"):
            for name in (*HEADERS, "AUTHORIZATION", "COOKIE", "CONTENT_TYPE", "X_REQUEST_ID"):
                harmless = header(name, text("x", HEADER_LENGTH))
                meter.check_costs(rule, method, harmless, [header(name, each) for each in values])


def test_no_json_document_is_expensive(app: Flask, meter: Meter) -> None:
    operations = json_fields(app)
    bodies = [whole(unit, app.config["MAX_CONTENT_LENGTH"]) for unit in DOCUMENTS.values()]
    harmless = whole('"%s":"' + "x" * 1000 + '",', app.config["MAX_CONTENT_LENGTH"])
    for rule, method in routes(app):
        if f"{method.lower()} {rule.rule.replace('<uuid:id>', '{id}')}" in operations:
            meter.check_costs(rule, method, json_body(harmless), [*map(json_body, bodies)])


def whole(unit: str, length: int) -> str:
    """Return a JSON object that repeats a member."""
    number = (length - 2) // len(unit % "000000")
    return "{" + "".join(unit % f"{each:06}" for each in range(number)).rstrip(",") + "}"


def json_body(body: str) -> dict[str, Any]:
    return {"body": body.encode(), "CONTENT_TYPE": "application/json"}
