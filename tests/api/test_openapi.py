"""Generated requests to the operations of the API: every response is documented."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from authapp.models import Scope, User
from authapp.services import api_tokens
from tests.api.calling import PROGRAM, bearing, new_token, without_cookies
from tests.support.accounts import start_session

EXAMPLES = 25


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    """The part of the document that describes /api/v1/."""
    whole = without_cookies(app).get("/api/openapi.json").json
    paths = {path: told for path, told in whole["paths"].items() if path.startswith("/api/v1/")}
    return {**whole, "paths": paths}


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_only_the_expected_operations_are_open_to_all(document: dict[str, Any]) -> None:
    open_to_all = {
        name for name, operation in operations(document).items() if not operation["security"]
    }

    assert open_to_all == {
        "post /api/v1/login",
        "post /api/v1/login/code",
        "post /api/v1/refresh",
        "post /api/v1/tokens/report",
    }


class Caller:
    """One kind of caller, and the requests generated for it."""

    def __init__(self, app: Flask, user: User, kind: str) -> None:
        self.app, self.user, self.kind = app, user, kind
        self.token = new_token(app, user, *Scope)
        self.answers: Counter[int] = Counter()
        self.open_to_all: dict[str, bool] = {}

    def headers(self) -> dict[str, str]:
        """Return a header with this caller's token, from a new session each time."""
        if self.kind == "session":
            with self.app.app_context():
                begun = start_session(self.user.id, remember=True, client=PROGRAM)
                return bearing(begun.access_token)
        return {"token": bearing(self.token), "nobody": {}, "liar": bearing("aut_x")}[self.kind]

    def some_id(self, path: str) -> str:
        """Return the id of an active session, or of an active token other than the caller's own."""
        with self.app.app_context():
            if "sessions" in path:
                begun = start_session(self.user.id, remember=True, client=PROGRAM)
                return str(begun.identity.session_id)
            _, *others = api_tokens.list_tokens(self.user.id)
            return str(others[-1].token.id) if others else new_id(self.app, self.user)

    def call(self, case: schemathesis.Case, *, real: bool) -> None:
        """Send a request, for an existing object if `real`, and check the response."""
        if real and case.path_parameters:
            case.path_parameters["id"] = self.some_id(case.path)
        answer = case.call(headers=self.headers())
        # A schema cannot require a time in the future.
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])
        assert answer.headers["cache-control"] == ["no-store"]
        is_open = self.open_to_all[case.operation.definition.raw["operationId"]]
        if self.kind in ("nobody", "liar") and not is_open:
            # An invalid id is not found for any caller.
            assert answer.status_code in (401, 404)
        self.answers[answer.status_code] += 1


def new_id(app: Flask, user: User) -> str:
    new_token(app, user, Scope.ACCOUNT_READ)
    return str(api_tokens.list_tokens(user.id)[-1].token.id)


def fuzz(operation: Any, caller: Caller) -> None:
    """Generate valid and invalid requests for one operation."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(made_up=made_up(operation), real=st.booleans())
    def calls(made_up: tuple[schemathesis.Case, bool], real: bool) -> None:
        case, is_good = made_up
        caller.call(case, real=real and is_good)

    calls()


def made_up(operation: Any) -> Any:
    """Return a strategy of cases, each with whether the schema allows it."""
    good = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not operation.body and not operation.path_parameters:
        return st.tuples(good, st.just(True))
    bad = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    return st.tuples(good, st.just(True)) | st.tuples(bad, st.just(False))


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("session", {200, 201, 204, 401, 404, 422}),
        ("token", {200, 201, 204, 401, 404, 422}),
        ("nobody", {401, 422}),
        ("liar", {401, 422}),
    ],
)
@pytest.mark.long
def test_every_response_is_documented(
    app: Flask, user: User, document: dict[str, Any], kind: str, seen: set[int]
) -> None:
    caller = Caller(app, user, kind)
    # Callers send their own tokens: none must be generated or omitted.
    for operation in operations(document).values():
        caller.open_to_all[operation["operationId"]] = not operation.pop("security")
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app

    for operation in schema.get_all_operations():
        fuzz(operation.ok(), caller)

    # The requests reached the operations and were not all refused at authentication.
    assert seen <= set(caller.answers), caller.answers
