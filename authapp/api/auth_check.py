"""`/auth/check`: a reverse proxy asks, for each request to another program, who is behind it.

For nginx's auth_request, Traefik's forwardAuth and Caddy's forward_auth; docs/reverse-proxy.md.
"""

from flask import Blueprint, Response
from werkzeug.exceptions import Unauthorized

from authapp.errors import TokenRefused
from authapp.http.credentials import ACCESS, REFRESH, bearer, cookie
from authapp.http.origin import origin
from authapp.services import api_tokens, introspection
from authapp.services.introspection import Principal

auth_check = Blueprint("auth_check", __name__, url_prefix="/auth")


@auth_check.get("/check")
def check() -> Response:
    """Answer 204 with who it is, or 401; it renews nothing, for a GET changes nothing."""
    value = bearer()
    principal = _of_browser() if value is None else _of_program(value)
    response = Response(status=204)
    response.headers.update(_headers(principal))
    return response


def _of_program(value: str) -> Principal:
    if api_tokens.is_one(value):
        return introspection.api_token(value, used_from=origin())
    return introspection.access_token(value)


def _of_browser() -> Principal:
    """Return whose browser it is.

    The access token's cookie is renewed on our own pages only. Between two visits to them the
    refresh token vouches for the session, and stays as it is.
    """
    if cookie(ACCESS):
        try:
            return introspection.access_token(cookie(ACCESS))
        except TokenRefused:
            pass
    if not cookie(REFRESH):
        raise Unauthorized
    return introspection.refresh_token(cookie(REFRESH))


def _headers(principal: Principal) -> dict[str, str]:
    """Return every header always, so that a proxy that copies them replaces what a client sent."""
    return {
        "X-Auth-User-Id": str(principal.user_id),
        "X-Auth-Session-Id": str(principal.session_id or ""),
        "X-Auth-Token-Id": str(principal.token_id or ""),
        "X-Auth-Scopes": " ".join(sorted(principal.scopes or ())),
        "X-Auth-Time": str(int(principal.auth_time.timestamp())) if principal.auth_time else "",
    }
