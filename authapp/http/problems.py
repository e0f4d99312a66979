"""Errors as programs read them: problem details of RFC 9457, and the challenges of RFC 6750.

`type` is what a program may rely on; `title` and `detail` are for its author, in English.
"""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, UnprocessableEntity

from authapp import errors
from authapp.http import problem_types
from authapp.http.decoding import MalformedBody
from authapp.http.problem_types import Kind

TYPES: Final = "urn:authapp:problem:"

_FOR_PROGRAMS: Final = ("/api/", "/oauth/", "/auth/", "/.well-known/")
_ALONE: Final = frozenset({"/healthz", "/readyz", "/metrics"})

# Their messages tell more than the type does; those of other errors repeat it, or a code.
_EXPLAINED: Final = (errors.NotAllowed, errors.Conflict, errors.TokenInvalid)


class InputFaulty(UnprocessableEntity):
    """A body whose fields are not what they should be; each fault names its field."""

    def __init__(self, faults: Sequence[dict[str, Any]]) -> None:
        super().__init__()
        self.faults = list(faults)


def is_for_program() -> bool:
    """Return whether programs, and not browsers, use the requested path."""
    return request.path.startswith(_FOR_PROGRAMS) or request.path in _ALONE


def for_refusal(error: errors.DomainError) -> Response:
    """Return the document for an error that a use case raised."""
    kind = problem_types.of_error(error)
    members: dict[str, Any] = {}
    if isinstance(error, errors.InputRefused):
        members["errors"] = [{"field": error.field, "code": error.reason, **error.details}]
    if isinstance(error, errors.TokenRefused) and error.reason is not None:
        members["reason"] = error.reason
    return _problem(kind, _detail(kind, error), members, _challenge(kind, error))


def for_http_error(error: HTTPException) -> Response:
    """Return the document for an error that the framework, or a body's model, raised."""
    if isinstance(error, InputFaulty):
        kind = problem_types.INPUT_REFUSED
        return _problem(kind, kind.detail, {"errors": error.faults})
    if isinstance(error, MalformedBody):
        return _problem(problem_types.BODY_MALFORMED, error.detail, {})
    kind = problem_types.of_status(HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR))
    challenge = "Bearer" if kind.status is HTTPStatus.UNAUTHORIZED else None
    return _problem(kind, _http_detail(kind, error), {}, challenge)


def for_fault(reference: str) -> Response:
    """Return the document for an internal error, which is logged under the same reference."""
    kind = problem_types.of_status(HTTPStatus.INTERNAL_SERVER_ERROR)
    return _problem(kind, kind.detail, {"reference": reference})


def retry_after(wait: timedelta) -> str:
    """Return the value of `Retry-After`, in seconds."""
    return str(max(1, int(wait.total_seconds())))


def _problem(
    kind: Kind, detail: str, members: dict[str, Any], challenge: str | None = None
) -> Response:
    document = {
        "type": f"{TYPES}{kind.type}",
        "title": kind.title,
        "status": kind.status.value,
        "detail": detail,
        **members,
    }
    body = current_app.json.dumps(document)
    response = Response(body, kind.status, content_type="application/problem+json")
    if challenge is not None:
        response.headers["WWW-Authenticate"] = challenge
    return response


def _detail(kind: Kind, error: errors.DomainError) -> str:
    """Return what happened, where that is known more exactly, and what to do."""
    message = str(error)
    if not isinstance(error, _EXPLAINED) or not message:
        return kind.detail
    return f"{message[0].upper()}{message[1:]}. {kind.detail}"


def _http_detail(kind: Kind, error: HTTPException) -> str:
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        return f"Use one of these methods: {', '.join(sorted(error.valid_methods))}."
    # The description of the instance is ours; that of its class is written for browsers.
    return vars(error).get("description") or kind.detail


def _challenge(kind: Kind, error: errors.DomainError) -> str | None:
    """Say what a better token would be; the error is named to whoever sent one (RFC 6750 3.1)."""
    if isinstance(error, errors.ScopeMissing):
        return f'Bearer error="insufficient_scope", scope="{error.scope}"'
    if isinstance(error, errors.ProofTooOld):
        # RFC 9470 section 3.
        max_age = int(error.max_age.total_seconds())
        return f'Bearer error="insufficient_user_authentication", max_age="{max_age}"'
    if kind.status is not HTTPStatus.UNAUTHORIZED:
        return None
    return "Bearer" if request.authorization is None else 'Bearer error="invalid_token"'
