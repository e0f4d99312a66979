"""The types of problem documents: how each error is reported to programs, and what to do.

docs/api.md lists them all. `type` and `status` are stable; `title` and `detail` may be reworded.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final, NamedTuple

from authapp import errors


class ProblemType(NamedTuple):
    """How an error is reported to programs; `detail` says what to do."""

    status: HTTPStatus
    type: str
    title: str
    detail: str


BODY_MALFORMED: Final = ProblemType(
    HTTPStatus.BAD_REQUEST,
    "body-malformed",
    "The body cannot be decoded",
    "Send what the operation expects, encoded as its Content-Type says.",
)
INPUT_REFUSED: Final = ProblemType(
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "input-refused",
    "Some input is not acceptable",
    "Correct the fields that `errors` names, and send the request again.",
)
TOKEN_MISSING: Final = ProblemType(
    HTTPStatus.UNAUTHORIZED,
    "token-missing",
    "This request needs a token",
    "Send an access token or an API token in the header `Authorization: Bearer`.",
)

_REFUSED: Final = "request-refused"
_FAILED: Final = "internal-error"

# Subclasses come before their base classes: the first match counts.
_DOMAIN: Final[dict[type[errors.DomainError], ProblemType]] = {
    errors.Overloaded: ProblemType(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "overloaded",
        "Too many people are signing in at the moment",
        "Send the request again after the number of seconds in Retry-After.",
    ),
    errors.Misconfigured: ProblemType(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "misconfigured",
        "The server cannot do this because of a fault in its configuration",
        "Tell the operator, whose log names the fault. Until it is fixed, the answer is the same.",
    ),
    errors.Unavailable: ProblemType(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "The service is temporarily unavailable",
        "Send the request again after the number of seconds in Retry-After.",
    ),
    errors.SignInBlocked: ProblemType(
        HTTPStatus.TOO_MANY_REQUESTS,
        "sign-in-blocked",
        "Sign-in is blocked after too many wrong passwords",
        "Ask the user to reset the password, or to sign in on a device that they used before.",
    ),
    errors.CodesBlocked: ProblemType(
        HTTPStatus.TOO_MANY_REQUESTS,
        "codes-blocked",
        "Codes are refused after too many wrong ones",
        "Ask the user for another proof, such as a recovery code.",
    ),
    errors.TooManyAttempts: ProblemType(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too-many-attempts",
        "Too many attempts",
        "Wait for the number of seconds in Retry-After before you try again.",
    ),
    errors.NotFound: ProblemType(
        HTTPStatus.NOT_FOUND,
        "not-found",
        "There is no such resource",
        "Check the id: the resource does not exist, or belongs to another account.",
    ),
    errors.ScopeMissing: ProblemType(
        HTTPStatus.FORBIDDEN,
        "insufficient-scope",
        "The token does not have the required scope",
        "Use a token that has the scope named in WWW-Authenticate.",
    ),
    errors.EnrollmentRequired: ProblemType(
        HTTPStatus.FORBIDDEN,
        "second-factor-enrollment-required",
        "The account has to set up a second factor",
        "Ask the user to sign in on the pages of this site, where they can set one up.",
    ),
    errors.SecondFactorRequired: ProblemType(
        HTTPStatus.FORBIDDEN,
        "second-factor-required",
        "The sign-in needs a second factor",
        "Ask the user for a code, and send it with `pending` to /api/v1/login/code.",
    ),
    errors.AccountFrozen: ProblemType(
        HTTPStatus.FORBIDDEN,
        "account-frozen",
        "The account is frozen",
        "Ask the user to set a new password: that unfreezes the account.",
    ),
    errors.NotAllowed: ProblemType(
        HTTPStatus.FORBIDDEN,
        "not-allowed",
        "This is not allowed",
        "Do not repeat the request with this account and token.",
    ),
    errors.LimitReached: ProblemType(
        HTTPStatus.CONFLICT,
        "limit-reached",
        "The limit is reached",
        "Delete one that is no longer needed, then try again.",
    ),
    errors.Conflict: ProblemType(
        HTTPStatus.CONFLICT,
        "conflict",
        "The resource is not in a state that allows this",
        "Fetch its current state before you try again.",
    ),
    errors.InputRefused: INPUT_REFUSED,
    errors.CredentialsRefused: ProblemType(
        HTTPStatus.UNAUTHORIZED,
        "credentials-refused",
        "The email address or the password is wrong",
        "Ask the user to enter both again.",
    ),
    errors.ProofTooOld: ProblemType(
        HTTPStatus.UNAUTHORIZED,
        "proof-too-old",
        "The user signed in too long ago",
        "Ask for the password or a code, send it to /api/v1/confirm/password or "
        "/api/v1/confirm/code, and use the new access token.",
    ),
    errors.TokenExpired: ProblemType(
        HTTPStatus.UNAUTHORIZED,
        "token-expired",
        "The token has expired",
        "Renew the session with its refresh token; if that is refused, sign in again.",
    ),
    errors.TokenRevoked: ProblemType(
        HTTPStatus.UNAUTHORIZED,
        "token-revoked",
        "The token was revoked, or its session has ended",
        "Sign in again, or use another API token.",
    ),
    errors.SigningKeyRefused: ProblemType(
        HTTPStatus.UNAUTHORIZED,
        "signing-key-refused",
        "The token's signing key is not trusted",
        "Renew the session with its refresh token; if that is refused, sign in again.",
    ),
    errors.TokenRefused: ProblemType(
        HTTPStatus.UNAUTHORIZED,
        "token-invalid",
        "The token is not valid",
        "Check that the whole token was sent, and to the site that issued it.",
    ),
}

_HTTP: Final = {
    kind.status: kind
    for kind in (
        ProblemType(
            HTTPStatus.BAD_REQUEST,
            "bad-request",
            "The request cannot be understood",
            "Check the request line, the headers and the body.",
        ),
        TOKEN_MISSING,
        ProblemType(
            HTTPStatus.NOT_FOUND,
            "path-unknown",
            "There is nothing at this path",
            "Check the path against /api/openapi.json.",
        ),
        ProblemType(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "This path does not accept this method",
            "Use one of the methods in the header Allow.",
        ),
        ProblemType(
            HTTPStatus.REQUEST_TIMEOUT,
            "request-timeout",
            "The request took too long to arrive",
            "Send the request again.",
        ),
        ProblemType(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "body-too-large",
            "The body is too large",
            "Send a smaller body: no operation needs more than a few kilobytes.",
        ),
        ProblemType(
            HTTPStatus.REQUEST_URI_TOO_LONG,
            "uri-too-long",
            "The address of the request is too long",
            "Shorten the path and the query.",
        ),
        ProblemType(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "media-type-unsupported",
            "The body has the wrong media type",
            "Send the body as /api/openapi.json describes it, and name its type in Content-Type.",
        ),
        ProblemType(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers-too-large",
            "The headers are too large",
            "Send fewer or shorter headers, and only the cookies of this site.",
        ),
    )
}


def of_error(error: errors.DomainError) -> ProblemType:
    """Return the type of problem that a domain error is."""
    return next(kind for cause, kind in _DOMAIN.items() if isinstance(error, cause))


def of_status(status: HTTPStatus) -> ProblemType:
    """Return the type of an error of which only the status is known."""
    if status in _HTTP:
        return _HTTP[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        advice = "Send the request again later. If it keeps failing, contact the site's operator."
        return ProblemType(status, _FAILED, status.phrase, advice)
    advice = "Check the request against /api/openapi.json, then send it again."
    return ProblemType(status, _REFUSED, status.phrase, advice)


def with_status(status: HTTPStatus) -> list[ProblemType]:
    """Return the kinds of error with this status."""
    known = (BODY_MALFORMED, *_DOMAIN.values(), *_HTTP.values())
    return [kind for kind in known if kind.status is status]


def all_types() -> Iterator[str]:
    """Return every type that a document can have."""
    for kind in (BODY_MALFORMED, *_DOMAIN.values(), *_HTTP.values()):
        yield kind.type
    yield _REFUSED
    yield _FAILED
