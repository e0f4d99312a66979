"""Errors as programs read them: problem details of RFC 9457, and the challenges of RFC 6750.

`type` is what a program may rely on; `title` and `detail` are for its author, in English.
"""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException, UnprocessableEntity

from authapp import errors

TYPES: Final = "urn:authapp:problem:"

_FOR_PROGRAMS: Final = ("/api/", "/oauth/", "/auth/", "/.well-known/")


class Kind(NamedTuple):
    """What an error is to a program."""

    status: HTTPStatus
    type: str
    title: str


# The first that fits counts, so the special stand before the general.
_KINDS: Final[dict[type[errors.DomainError], Kind]] = {
    errors.Unavailable: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Nothing can answer right now"
    ),
    errors.TooManyAttempts: Kind(
        HTTPStatus.TOO_MANY_REQUESTS, "too-many-attempts", "Too many attempts"
    ),
    errors.NotFound: Kind(HTTPStatus.NOT_FOUND, "not-found", "There is no such thing"),
    errors.ScopeMissing: Kind(
        HTTPStatus.FORBIDDEN, "insufficient-scope", "The token was not given the scope for this"
    ),
    errors.AddressUnverified: Kind(
        HTTPStatus.FORBIDDEN, "address-unverified", "The e-mail address is not verified yet"
    ),
    errors.AccountFrozen: Kind(
        HTTPStatus.FORBIDDEN, "account-frozen", "The account is frozen until its owner mends it"
    ),
    errors.NotAllowed: Kind(HTTPStatus.FORBIDDEN, "not-allowed", "This is not allowed"),
    errors.LimitReached: Kind(HTTPStatus.CONFLICT, "limit-reached", "There are too many already"),
    errors.Conflict: Kind(HTTPStatus.CONFLICT, "conflict", "This is not possible now"),
    errors.InputRefused: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "input-refused", "Some input is not acceptable"
    ),
    errors.CredentialsRefused: Kind(
        HTTPStatus.UNAUTHORIZED, "credentials-refused", "The address or the password is wrong"
    ),
    errors.ProofTooOld: Kind(
        HTTPStatus.UNAUTHORIZED, "proof-too-old", "The password was entered too long ago for this"
    ),
    errors.TokenExpired: Kind(HTTPStatus.UNAUTHORIZED, "token-expired", "The token is too old"),
    errors.TokenRevoked: Kind(
        HTTPStatus.UNAUTHORIZED, "token-revoked", "The token was taken back, or its session ended"
    ),
    errors.SigningKeyRefused: Kind(
        HTTPStatus.UNAUTHORIZED, "signing-key-refused", "Renew the token: its key is not trusted"
    ),
    errors.TokenRefused: Kind(
        HTTPStatus.UNAUTHORIZED, "token-invalid", "The token is none of ours"
    ),
}
_TOKEN_MISSING: Final = Kind(HTTPStatus.UNAUTHORIZED, "token-missing", "This takes a token")
_INPUT_REFUSED: Final = _KINDS[errors.InputRefused]


class InputFaulty(UnprocessableEntity):
    """A body whose fields are not what they should be; each fault names its field."""

    def __init__(self, faults: Sequence[dict[str, Any]]) -> None:
        super().__init__()
        self.faults = list(faults)


def is_for_program() -> bool:
    """Tell whether the address at hand is one that programs use."""
    return request.path.startswith(_FOR_PROGRAMS)


def kind_of(error: errors.DomainError) -> Kind:
    """Return what an error is to a program."""
    return next(kind for cause, kind in _KINDS.items() if isinstance(error, cause))


def for_refusal(error: errors.DomainError) -> Response:
    """Word what a use case refused."""
    kind = kind_of(error)
    members: dict[str, Any] = {}
    if isinstance(error, errors.InputRefused):
        members["errors"] = [{"field": error.field, "code": error.reason, **error.details}]
    else:
        members["detail"] = str(error)
    if isinstance(error, errors.TokenRefused) and error.reason is not None:
        members["reason"] = error.reason
    return _problem(kind, members, _challenge(kind, error))


def for_http_error(error: HTTPException) -> Response:
    """Word what the framework, or a body's model, refused."""
    if isinstance(error, InputFaulty):
        return _problem(_INPUT_REFUSED, {"errors": error.faults})
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status is HTTPStatus.UNAUTHORIZED:
        return _problem(_TOKEN_MISSING, {}, "Bearer")
    return for_status(status)


def for_status(status: HTTPStatus, **members: str) -> Response:
    """Word an error of which the status says all."""
    return _problem(Kind(status, "", status.phrase), members)


def retry_after(wait: timedelta) -> str:
    """Return the value of `Retry-After`, in seconds."""
    return str(max(1, int(wait.total_seconds())))


def _problem(kind: Kind, members: dict[str, Any], challenge: str | None = None) -> Response:
    document = {
        "type": f"{TYPES}{kind.type}" if kind.type else "about:blank",
        "title": kind.title,
        "status": kind.status.value,
        **members,
    }
    body = current_app.json.dumps(document)
    response = Response(body, kind.status, content_type="application/problem+json")
    if challenge is not None:
        response.headers["WWW-Authenticate"] = challenge
    return response


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
