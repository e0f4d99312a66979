"""Errors for programs: problem documents (RFC 9457) and challenges (RFC 6750).

Programs may rely on `type`; `title` and `detail` are for their developers, in English.
"""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from math import ceil
from typing import Any, Final

from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, UnprocessableEntity

from authapp import errors
from authapp.http import problem_types
from authapp.http.decoding import MalformedBody
from authapp.http.problem_types import ProblemType

TYPES: Final = "urn:authapp:problem:"

_PREFIXES_FOR_PROGRAMS: Final = ("/api/", "/oauth/", "/auth/", "/.well-known/")
_PATHS_FOR_PROGRAMS: Final = frozenset({"/healthz", "/readyz", "/metrics"})

# Their messages add to the type; those of other errors repeat it, or are codes.
_EXPLAINED: Final = (errors.NotAllowed, errors.Conflict, errors.TokenInvalid)


class InputFaulty(UnprocessableEntity):
    """A body with invalid fields; each fault names its field."""

    def __init__(self, faults: Sequence[dict[str, Any]]) -> None:
        super().__init__()
        self.faults = list(faults)


def is_for_program() -> bool:
    """Return whether the requested path is for programs rather than browsers."""
    return request.path.startswith(_PREFIXES_FOR_PROGRAMS) or request.path in _PATHS_FOR_PROGRAMS


def for_refusal(error: errors.DomainError) -> Response:
    """Return the problem document for a domain error."""
    kind = problem_types.of_error(error)
    members: dict[str, Any] = {}
    if isinstance(error, errors.InputRefused):
        members["errors"] = [{"field": error.field, "code": error.reason, **error.details}]
    is_enrolled = not isinstance(error, errors.EnrollmentRequired)
    if isinstance(error, errors.SecondFactorRequired) and is_enrolled:
        members["pending"] = error.pending
    if isinstance(error, errors.TokenRefused) and error.reason is not None:
        members["reason"] = error.reason
    return _problem(kind, _detail(kind, error), members, _challenge(kind, error))


def for_http_error(error: HTTPException) -> Response:
    """Return the problem document for an error that Flask or a body's model raised."""
    if isinstance(error, InputFaulty):
        kind = problem_types.INPUT_REFUSED
        return _problem(kind, kind.detail, {"errors": error.faults})
    if isinstance(error, MalformedBody):
        return _problem(problem_types.BODY_MALFORMED, error.detail, {})
    kind = problem_types.of_status(HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR))
    challenge = "Bearer" if kind.status is HTTPStatus.UNAUTHORIZED else None
    return _problem(kind, _http_detail(kind, error), {}, challenge)


def for_fault(reference: str) -> Response:
    """Return the problem document for an internal error that was logged with this reference."""
    kind = problem_types.of_status(HTTPStatus.INTERNAL_SERVER_ERROR)
    return _problem(kind, kind.detail, {"reference": reference})


def retry_after(wait: timedelta) -> str:
    """Return the value of `Retry-After`, in seconds."""
    return str(max(1, ceil(wait.total_seconds())))


def _problem(
    kind: ProblemType, detail: str, members: dict[str, Any], challenge: str | None = None
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


def _detail(kind: ProblemType, error: errors.DomainError) -> str:
    """Return the error's message, if it adds to the title, and what to do."""
    message = str(error)
    if not isinstance(error, _EXPLAINED) or not message:
        return kind.detail
    return f"{message[0].upper()}{message[1:]}. {kind.detail}"


def _http_detail(kind: ProblemType, error: HTTPException) -> str:
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        return f"Use one of these methods: {', '.join(sorted(error.valid_methods))}."
    # We set the description of the instance; that of its class is written for browsers.
    return vars(error).get("description") or kind.detail


def _challenge(kind: ProblemType, error: errors.DomainError) -> str | None:
    """Return the challenge, with an error only if a token was sent (RFC 6750 section 3.1)."""
    if isinstance(error, errors.ScopeMissing):
        return f'Bearer error="insufficient_scope", scope="{error.scope}"'
    if isinstance(error, errors.ProofTooOld):
        # RFC 9470 section 3.
        max_age = int(error.max_age.total_seconds())
        return f'Bearer error="insufficient_user_authentication", max_age="{max_age}"'
    if kind.status is not HTTPStatus.UNAUTHORIZED:
        return None
    return "Bearer" if request.authorization is None else 'Bearer error="invalid_token"'
