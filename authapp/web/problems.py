"""Errors as programs read them: problem details of RFC 9457."""

from http import HTTPStatus
from typing import Any, Final

from flask import Response, current_app, request

from authapp.web.words import Explanation

_FOR_PROGRAMS: Final = ("/api/", "/oauth/", "/auth/", "/.well-known/")


def is_for_program() -> bool:
    """Tell whether the address at hand is one that programs use."""
    return request.path.startswith(_FOR_PROGRAMS)


def problem(status: HTTPStatus, text: Explanation, reference: str = "") -> Response:
    """Return a problem document; a refused credential says how to present a good one."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": str(text.title),
    }
    if reference:
        document["reference"] = reference
    response = Response(
        current_app.json.dumps(document), status, content_type="application/problem+json"
    )
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = _challenge()
    return response


def _challenge() -> str:
    """Name the error only to whoever sent a token (RFC 6750 section 3.1)."""
    if request.authorization is None:
        return "Bearer"
    return 'Bearer error="invalid_token"'
