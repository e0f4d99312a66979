"""The OpenAPI document is complete, valid and in docs/, and real responses fit its schemas."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from werkzeug.test import TestResponse

from authapp import ROOT, clock
from authapp.http.problems import is_for_program
from authapp.models import Scope, User
from deploy.openapi import as_file
from tests.api.calling import bearing, begin, new_token, without_cookies
from tests.support.accounts import PASSWORD, add_user
from tests.support.on_sqlite import on_sqlite
from tests.support.second_factors import code_of, enroll

FILE = ROOT / "docs" / "openapi.json"
DOCUMENT = json.loads(FILE.read_text())

FOR_PEOPLE = {"get /.well-known/change-password", "get /.well-known/security.txt"}
"""For password managers and for researchers: neither belongs to an API."""

METRICS_TOKEN = "Wq8kPz3vLm5nRt7yXc2bHj4fDs6gAe9u"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(METRICS_TOKENS=METRICS_TOKEN)


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


@on_sqlite
def test_every_route_for_programs_is_in_it(app: Flask) -> None:
    routes = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        with app.test_request_context(path):
            if is_for_program():
                routes |= {f"{m.lower()} {path}" for m in rule.methods - {"HEAD", "OPTIONS"}}

    assert {name for name, _ in operations()} == routes - FOR_PEOPLE


@on_sqlite
def test_the_file_and_the_server_have_the_same_document(app: Flask) -> None:
    served = without_cookies(app).get("/api/openapi.json").json

    assert FILE.read_text() == as_file(), "run make openapi"
    assert served == {**DOCUMENT, "servers": [{"url": "http://127.0.0.1:5000"}]}


def test_it_is_valid() -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_every_operation_has_a_tag_and_a_summary_of_its_own() -> None:
    told = dict(operations())
    summaries = Counter(operation["summary"] for operation in told.values())
    tags = {tag["name"] for tag in DOCUMENT["tags"]}

    assert [summary for summary, times in summaries.items() if times > 1] == []
    assert {tag for operation in told.values() for tag in operation["tags"]} == tags
    assert all(len(operation["tags"]) == 1 for operation in told.values())
    assert all(tag["description"] for tag in DOCUMENT["tags"])


def test_every_way_in_is_declared() -> None:
    used = {
        name
        for _, operation in operations()
        for alternative in operation["security"]
        for name in alternative
    }

    assert used == set(DOCUMENT["components"]["securitySchemes"])


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Return a validator of a schema that may refer to others in the document."""
    whole = {**schema, "components": DOCUMENT["components"]}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    return [f"{each.json_path}: {each.message}" for each in validator(schema).iter_errors(value)]


def test_every_body_has_an_example_that_fits_its_schema() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    direct = r'"schema": {"\$ref": "#/components/schemas/(\w+)"'
    named = set(re.findall(direct, json.dumps(DOCUMENT)))

    without = {name for name in named if not schemas[name].get("examples")}

    assert without == {"Problem", "OpenAPI"}
    assert len(named) > 20
    for name, schema in schemas.items():
        for example in schema.get("examples", []):
            assert faults(schema, example) == [], name


def test_every_error_has_examples_with_its_status() -> None:
    problem = DOCUMENT["components"]["schemas"]["Problem"]

    for name, response in DOCUMENT["components"]["responses"].items():
        examples = response["content"]["application/problem+json"]["examples"]
        assert examples
        for example in examples.values():
            assert faults(problem, example["value"]) == [], name
            status = HTTPStatus(example["value"]["status"])
            assert status.name.title().replace("_", "") == name


class Conversation:
    """Sends requests by the name of their operation, and checks each response."""

    def __init__(self, app: Flask) -> None:
        self._client = without_cookies(app)
        self._operations = {
            operation["operationId"]: (*name.split(), operation) for name, operation in operations()
        }
        self.seen: set[tuple[str, int]] = set()

    def send(self, name: str, token: str = "", *, id: object = "", **request: Any) -> TestResponse:
        method, path, operation = self._operations[name]
        headers = {**request.pop("headers", {}), **(bearing(token) if token else {})}
        response = self._client.open(
            path.replace("{id}", str(id)), method=method.upper(), headers=headers, **request
        )
        told = operation["responses"].get(str(response.status_code))
        assert told is not None, f"{name} was answered with {response.status_code}"
        check(resolved(told), response)
        self.seen.add((name, response.status_code))
        return response

    @property
    def succeeded(self) -> set[str]:
        return {name for name, status in self.seen if status < 400}


def resolved(told: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in told:
        return told
    found: dict[str, Any] = DOCUMENT["components"]["responses"][told["$ref"].rpartition("/")[2]]
    return found


def check(told: dict[str, Any], response: TestResponse) -> None:
    """Check the media type, the body and the required headers of a response."""
    assert set(told.get("headers", {})) <= set(response.headers.keys())
    if "content" not in told:
        assert response.get_data() == b""
        return
    media = told["content"][response.mimetype]
    body = response.get_data(as_text=True) if response.mimetype == "text/plain" else response.json
    assert faults(media["schema"], body) == []


@on_sqlite
def test_real_responses_of_every_operation_fit_it(app: Flask, user: User) -> None:
    talk = Conversation(app)
    access = sign_in_and_renew(talk, user)
    confirm_with_a_second_factor(app, talk)
    manage_tokens(talk, access)
    verify(app, talk, user)
    operate(talk)
    manage_sessions(app, talk, user, access)

    assert talk.succeeded == {operation["operationId"] for _, operation in operations()}
    assert {status for _, status in talk.seen} >= {200, 201, 202, 204, 304, 400, 401, 403, 404, 415}


def sign_in_and_renew(talk: Conversation, user: User) -> str:
    """Sign in, and return an access token."""
    given = {"email": user.email, "password": PASSWORD, "remember": True}
    talk.send("login.sign_in", json={**given, "password": "not the password"})
    talk.send("login.sign_in", json={"email": user.email})
    talk.send("login.sign_in", data="{", content_type="application/json")
    first = talk.send("login.sign_in", json=given).json
    talk.send("login.refresh", json={"refresh_token": "x"})
    renewed = talk.send("login.refresh", json={"refresh_token": first["refresh_token"]}).json
    confirmed = talk.send(
        "step_up.confirm_password", renewed["access_token"], json={"password": PASSWORD}
    )
    return str(confirmed.json["access_token"])


def confirm_with_a_second_factor(app: Flask, talk: Conversation) -> None:
    with app.app_context():
        other = add_user("other@example.org")
        secret, codes = enroll(other.id)
    given = {"email": other.email, "password": PASSWORD}
    pending = talk.send("login.sign_in", json=given).json["pending"]
    signed_in = talk.send(
        "login.complete_sign_in", json={"pending": pending, "code": codes[0]}
    ).json
    talk.send("step_up.confirm_code", signed_in["access_token"], json={"code": code_of(secret)})


def manage_tokens(talk: Conversation, access: str) -> None:
    tomorrow = (clock.now() + timedelta(days=1)).isoformat()
    wanted = {"name": "job", "scopes": ["account:read"], "expires_at": tomorrow}
    talk.send("api_tokens.create", json=wanted)
    created = talk.send("api_tokens.create", access, json=wanted).json
    talk.send("api_tokens.create", created["value"], json=wanted)
    talk.send("account.show", created["value"])
    talk.send("account.show", access)
    talk.send("api_tokens.rename", access, id=created["id"], json={"name": "other job"})
    rotated = talk.send(
        "api_tokens.rotate", access, id=created["id"], json={"overlap_seconds": 60}
    ).json
    assert len(talk.send("api_tokens.show", access).json["tokens"]) == 2
    talk.send("api_tokens.revoke", access, id=created["id"])
    talk.send("api_tokens.revoke", access, id=created["id"])
    talk.send("token_reports.report", json={"token": rotated["value"]})


def verify(app: Flask, talk: Conversation, user: User) -> None:
    session = begin(app, user)
    gateway = new_token(app, user, Scope.INTROSPECT)
    weak = new_token(app, user, Scope.ACCOUNT_READ)
    for token in (session.access_token, session.refresh_token, weak, "x"):
        told = talk.send("oauth.introspect", gateway, data={"token": token}).json
        assert told["active"] is (token != "x")
    for token in ("", weak):
        talk.send("oauth.introspect", token, data={"token": "x"})
    for name in ("oauth.introspect", "oauth.revoke"):
        talk.send(name, gateway, data={"token": ""})
        talk.send(name, gateway, json={"token": "x"})
    for token in (session.access_token, weak, ""):
        talk.send("auth_check.check", token)
    talk.send("oauth.revoke", data={"token": session.access_token})
    tag = talk.send("well_known.jwks").headers["ETag"]
    talk.send("well_known.jwks", headers={"If-None-Match": tag})
    talk.send("well_known.metadata")


def operate(talk: Conversation) -> None:
    for name in ("health.healthz", "health.readyz", "v1.document", "metrics.show"):
        talk.send(name, METRICS_TOKEN if name == "metrics.show" else "")
    talk.send("metrics.show")


def manage_sessions(app: Flask, talk: Conversation, user: User, access: str) -> None:
    other = begin(app, user).identity.session_id
    assert len(talk.send("sessions.show", access).json["sessions"]) > 1
    talk.send("sessions.end", access, id=other)
    talk.send("sessions.end", access, id=other)
    talk.send("sessions.end_others", access)
    talk.send("login.log_out", access)


@on_sqlite
def test_a_process_that_is_not_ready_says_so_as_documented(
    app: Flask, lose_database: Callable[[], None]
) -> None:
    lose_database()
    talk = Conversation(app)

    talk.send("health.readyz")

    assert talk.seen == {("health.readyz", 503)}


def test_every_scope_is_required_by_some_operation() -> None:
    required = {
        scope
        for _, operation in operations()
        for alternative in operation["security"]
        for scope in alternative.get("bearer", [])
    }

    assert required == set(Scope)
