"""Declares the operations of `/api/v1/`: their input, output and errors, enforced and documented.

spectree generates the document. `authn` and `bodies` check tokens and bodies, so that all errors
are problem documents of the same form.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from flask import Request, current_app
from spectree import Response as Answers
from spectree import SecurityScheme, SpecTree
from spectree.model_adapter.msgspec_adapter import MsgspecModelAdapter
from spectree.models import SecureType, SecuritySchemeData
from spectree.plugins.base import Context
from spectree.plugins.flask_plugin import FlaskPlugin
from werkzeug.routing import Rule

from authapp.api import bodies
from authapp.api.authn import require_caller
from authapp.models import Scope

BLUEPRINT: Final = "api_v1"
View = Callable[..., Any]
Time = Annotated[datetime, msgspec.Meta(tz=True)]

_BEARER: Final = "bearer"
_WAITING: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_HEADERS: Final = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": {"type": "string"}},
    **{status: {"Retry-After": {"type": "string", "pattern": "^[0-9]+$"}} for status in _WAITING},
}


class _Backend(FlaskPlugin):
    """Documents only the routes of `/api/v1/`, and reads their bodies strictly."""

    def find_routes(self) -> Iterator[Rule]:
        for rule in current_app.url_map.iter_rules():
            if rule.endpoint.startswith(f"{BLUEPRINT}."):
                yield rule

    def request_validation(self, request: Request, *models: Any) -> None:
        json = models[1]
        body = bodies.read(json) if json is not None else None
        request.context = Context(None, body, None, None, None)  # type: ignore[attr-defined]


class Fault(msgspec.Struct, omit_defaults=True):
    """What is wrong with one field: `code` is stable, and limits such as `most` are added."""

    field: str
    code: str
    detail: str = ""


class Problem(msgspec.Struct, omit_defaults=True):
    """An error (RFC 9457): `type` is stable; `title` and `detail` are for people."""

    type: str
    title: str
    status: int
    detail: str
    reason: str = ""
    errors: list[Fault] = []


class _Answers(Answers):
    """The responses of an operation: a model on success, otherwise a problem document."""

    def __init__(self, status: HTTPStatus, model: Any, refusals: Sequence[HTTPStatus]) -> None:
        self._refusals = sorted(set(refusals))
        problems = {f"HTTP_{refusal.value}": Problem for refusal in self._refusals}
        super().__init__(**problems, **{f"HTTP_{status.value}": model})

    def add_model(self, *_: Any, **__: Any) -> None:
        """Add no model for faulty input: only operations with a body can refuse one."""

    def generate_spec(self, *arguments: Any, **keywords: Any) -> dict[str, Any]:
        spec = super().generate_spec(*arguments, **keywords)
        for status in self._refusals:
            described = spec[str(status.value)]
            content = described.pop("content")
            described["content"] = {"application/problem+json": content["application/json"]}
            described["headers"] = {
                name: {"required": True, "schema": schema}
                for name, schema in _HEADERS.get(status, {}).items()
            }
        return spec


tree: Final = SpecTree(
    backend=_Backend,
    model_adapter=MsgspecModelAdapter(),  # type: ignore[arg-type] # its Protocol is not its own
    mode="strict",
    title="authapp",
    version="1",
    naming_strategy=lambda model: str(model.__name__),
    nested_naming_strategy=lambda _parent, child: child,
    security_schemes=[
        SecurityScheme(
            name=_BEARER,
            data=SecuritySchemeData(
                type=SecureType.HTTP,
                scheme="bearer",
                description="A session's access token, or an API token with the listed scope.",
            ),
        )
    ],
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
        if "json" in view.__annotations__:
            refusals.extend(bodies.REFUSALS)
        described: View = tree.validate(
            resp=_Answers(*returns, refusals),
            security={} if is_open else {_BEARER: [scope] if scope else []},
            operation_id=f"{view.__module__.rpartition('.')[2]}.{view.__name__}",
        )(view)

        @wraps(described)
        def guarded(**arguments: Any) -> Any:
            if is_open:
                return described(**arguments)
            return described(caller=require_caller(scope, fresh=fresh), **arguments)

        return guarded

    return decorate


def document() -> dict[str, Any]:
    """Return the OpenAPI document, which is generated once per process."""
    spec: dict[str, Any] = tree.spec
    return spec
