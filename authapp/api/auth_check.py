"""`/auth/check`: tells a reverse proxy who sent a request to another program.

For nginx's auth_request, Traefik's forwardAuth and Caddy's forward_auth; docs/reverse-proxy.md.
"""

from functools import lru_cache
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response
from werkzeug.exceptions import Unauthorized

from authapp.api.openapi import BEARER, BROWSER, described
from authapp.domain import sessions
from authapp.domain.principal import Principal
from authapp.errors import TokenRefused
from authapp.http.client import client_address
from authapp.http.credentials import ACCESS, REFRESH, bearer, cookie
from authapp.services import introspection

blueprint = Blueprint("auth_check", __name__, url_prefix="/auth")

_CONTENT_TYPE: Final = "text/html; charset=utf-8"
_REMEMBERED: Final = 4096
"""Principals whose headers a process remembers; tokens are still checked on every request."""

_HEADERS: Final = {
    "X-Auth-User-Id": "The account.",
    "X-Auth-Session-Id": "The session; empty for an API token.",
    "X-Auth-Token-Id": "The API token; empty for a session.",
    "X-Auth-Scopes": "The API token's scopes, separated by spaces; empty for a session.",
    "X-Auth-Roles": "The account's roles, separated by spaces; empty for an API token.",
    "X-Auth-Time": "When the user last authenticated, in seconds since 1970.",
}


@blueprint.get("/check")
@described(
    returns={HTTPStatus.NO_CONTENT: None},
    security=[{BEARER: []}, {BROWSER: []}],
    errors=[HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE],
    headers=_HEADERS,
)
def check() -> Response:
    """Answer 204 with the principal's headers, or 401. Renew nothing: a GET changes nothing."""
    value = bearer()
    if value is None:
        principal = _of_browser()
    else:
        principal = introspection.authenticate(value, address=client_address())
    return Response(status=204, headers=_headers(principal), content_type=_CONTENT_TYPE)


def _of_browser() -> Principal:
    """Return the principal of the cookies.

    Only this site's own pages renew the access token. Once it has expired, the refresh token proves
    the session until the next visit to them, and is not renewed here.
    """
    access = cookie(ACCESS)
    if access:
        try:
            return sessions.authenticate(access)
        except TokenRefused:
            pass
    refresh = cookie(REFRESH)
    if not refresh:
        raise Unauthorized
    return introspection.refresh_token(refresh)


@lru_cache(maxsize=_REMEMBERED)
def _headers(principal: Principal) -> tuple[tuple[str, str], ...]:
    """Return all headers, even empty ones, so that a proxy replaces what a client sent."""
    return (
        ("X-Auth-User-Id", str(principal.user_id)),
        ("X-Auth-Session-Id", str(principal.session_id or "")),
        ("X-Auth-Token-Id", str(principal.token_id or "")),
        ("X-Auth-Scopes", " ".join(sorted(principal.scopes or ()))),
        ("X-Auth-Roles", " ".join(principal.roles)),
        ("X-Auth-Time", str(int(principal.auth_time.timestamp())) if principal.auth_time else ""),
    )
