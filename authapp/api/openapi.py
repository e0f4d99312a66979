"""Declares the operations for other programs: their input, output and errors.

`operation` enforces what it declares, and `described` only documents it. spectree collects both
when the views are imported, `document` completes them, and no request runs spectree's code. `authn`
and `bodies` check tokens and bodies, so that all errors are problem documents of the same form.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Annotated, Any, Final, get_type_hints

import msgspec
from flask import Response, current_app
from spectree import Response as Answers
from spectree import SpecTree, Tag
from spectree.model_adapter.msgspec_adapter import MsgspecModelAdapter
from spectree.plugins.flask_plugin import FlaskPlugin
from werkzeug.routing import Rule

from authapp.api import bodies
from authapp.api.authn import require_caller
from authapp.models import Scope

View = Callable[..., Any]
Time = Annotated[datetime, msgspec.Meta(tz=True)]
Security = list[dict[str, list[str]]]

BEARER: Final = "bearer"
BROWSER: Final = "browser"
METRICS: Final = "metrics"

TEXT: Final = "text/plain"

_SIGN_IN: Final = Tag(name="Sign-in", description="Sessions of users, without a browser.")
_ACCOUNT: Final = Tag(name="Account", description="The account of the caller.")
_API_TOKENS: Final = Tag(name="API tokens", description="Tokens for programs without a user.")
_CHECKS: Final = Tag(name="Checks", description="Verify, describe and revoke tokens.")
_OPERATION: Final = Tag(name="Operation", description="For load balancers and monitoring.")
TAGS: Final = {
    "login": _SIGN_IN,
    "step_up": _SIGN_IN,
    "account": _ACCOUNT,
    "sessions": _ACCOUNT,
    "api_tokens": _API_TOKENS,
    "token_reports": _API_TOKENS,
    "auth_check": _CHECKS,
    "oauth": _CHECKS,
    "well_known": _CHECKS,
    "health": _OPERATION,
    "metrics": _OPERATION,
    "v1": _OPERATION,
}
"""The tag of all operations of a module."""

_described: Final[dict[View, View]] = {}
"""The views that spectree only documents, and the wrapped view that it returned for each."""


class _Backend(FlaskPlugin):
    """Documents the routes for programs."""

    def find_routes(self) -> Iterator[Rule]:
        yield from current_app.url_map.iter_rules()

    def parse_func(self, route: Any) -> Iterator[tuple[str, View]]:
        for method, view in super().parse_func(route):
            yield method, _described.get(view, view)


class _Answers(Answers):
    """The responses of an operation: a model or None for each status, or the `media` of a text.

    The statuses of `refusals` have problem documents.
    """

    def __init__(
        self,
        returns: Mapping[HTTPStatus, Any],
        refusals: Sequence[HTTPStatus],
        *,
        headers: Mapping[str, str] | None = None,
        media: str = "",
    ) -> None:
        self._refusals = sorted(set(refusals))
        self._statuses, self._headers, self._media = list(returns), headers or {}, media
        super().__init__(**{f"HTTP_{each.value}": model for each, model in returns.items()})

    def add_model(self, *_: Any, **__: Any) -> None:
        """Add no model for faulty input: only operations with a body can refuse one."""

    def generate_spec(self, *arguments: Any, **keywords: Any) -> dict[str, Any]:
        spec = super().generate_spec(*arguments, **keywords)
        for status in self._statuses:
            told = spec[str(status.value)]
            if self._headers:
                told["headers"] = {name: _header(about) for name, about in self._headers.items()}
            if self._media:
                told["content"] = {self._media: {"schema": {"type": "string"}}}
        for status in self._refusals:
            spec[str(status.value)] = {"$ref": f"#/components/responses/{response_name(status)}"}
        return spec


def _header(about: str) -> dict[str, Any]:
    return {"description": about, "required": True, "schema": {"type": "string"}}


def response_name(status: HTTPStatus) -> str:
    """Return the name under which the document has the problem documents of a status."""
    return status.name.title().replace("_", "")


tree: Final = SpecTree(
    backend=_Backend,
    model_adapter=MsgspecModelAdapter(),  # type: ignore[arg-type] # its Protocol is not its own
    mode="strict",
    title="authapp",
    version="1",
    naming_strategy=lambda model: str(model.__name__),
    nested_naming_strategy=lambda _parent, child: child,
)


def operation(
    *,
    returns: tuple[HTTPStatus, Any],
    scope: Scope | None = None,
    is_open: bool = False,
    fresh: bool = False,
    errors: Sequence[HTTPStatus] = (),
) -> Callable[[View], View]:
    """Make a view an operation of the API.

    The view gets `caller`, unless `is_open`, and `json`, the body, if its signature has it. `fresh`
    requires that a session's user signed in or confirmed within PASSWORD_FRESHNESS.
    """

    def decorate(view: View) -> View:
        refusals = [HTTPStatus.SERVICE_UNAVAILABLE, *errors]
        if not is_open:
            refusals.append(HTTPStatus.UNAUTHORIZED)
        if scope is not None:
            refusals.append(HTTPStatus.FORBIDDEN)
        body_model = get_type_hints(view).get("json")
        if body_model is not None:
            refusals.extend(bodies.REFUSALS)
        documented: View = tree.validate(
            resp=_Answers(dict([returns]), refusals),
            security=[] if is_open else [{BEARER: [scope] if scope else []}],
            **_named(view),
        )(view)

        @wraps(documented)
        def guarded(**arguments: Any) -> Response:
            if not is_open:
                arguments["caller"] = require_caller(scope, fresh=fresh)
            if body_model is not None:
                arguments["json"] = bodies.read(body_model)
            return _answer(view(**arguments))

        return guarded

    return decorate


def described(
    *,
    returns: Mapping[HTTPStatus, Any],
    form: Any = None,
    security: Security | None = None,
    errors: Sequence[HTTPStatus] = (),
    headers: Mapping[str, str] | None = None,
    media: str = "",
) -> Callable[[View], View]:
    """Document a view that checks its own input, and return it unchanged.

    `security` lists the ways in, and `headers` those of successful responses. The `media` type is
    that of a text without a model.
    """

    def decorate(view: View) -> View:
        answers = _Answers(returns, errors, headers=headers, media=media)
        _described[view] = tree.validate(
            form=form, resp=answers, security=security or [], **_named(view)
        )(view)
        return view

    return decorate


def _named(view: View) -> dict[str, Any]:
    module = view.__module__.rpartition(".")[2]
    return {"operation_id": f"{module}.{view.__name__}", "tags": [TAGS[module]]}


def _answer(returned: Any) -> Response:
    """Return the response for a view's result: a response, or a model with or without a status."""
    model, status = returned if isinstance(returned, tuple) else (returned, HTTPStatus.OK)
    if isinstance(model, Response):
        return model
    return Response(msgspec.json.encode(model), status, content_type="application/json")
