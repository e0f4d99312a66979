"""Authenticates page requests by their JWT, renews sessions, and sets the session's cookies."""

from datetime import datetime
from typing import Final

import structlog
from flask import (
    Flask,
    Response,
    after_this_request,
    g,
    redirect,
    request,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from authapp import clock
from authapp.config import current_settings
from authapp.domain import known_devices, sessions
from authapp.domain.limits import request_budget
from authapp.domain.roles import ADMIN
from authapp.domain.sessions import Identity, SignedIn
from authapp.errors import NotFound, TokenRefused
from authapp.http.client import client
from authapp.http.credentials import (
    ACCESS,
    DEVICE,
    REFRESH,
    REMEMBERED,
    bearer,
    cookie,
    cookie_name,
    is_secure,
)
from authapp.http.request import SAFE_METHODS
from authapp.services import refresh
from authapp.services.step_up import end_without_factor, is_fresh, lacks_factor
from authapp.web import drafts
from authapp.web.access import Access, rule
from authapp.web.navigation import current_page

log = structlog.get_logger(__name__)

_CACHED_PAGES: Final = '"cache"'
"""What the browser forgets at sign-out: pages it could show again, ours and those behind the proxy.

Not "cookies" or "storage". Other programs on this host or domain have theirs, which are not ours to
delete, and the device cookie keeps strangers from locking the user out.
Source: ASVS 5.0, 14.3.1; W3C Clear Site Data.
"""


def init_app(app: Flask) -> None:
    """Configure the attributes of the session cookie."""
    secure = app.extensions["settings"].deployment.public_url.startswith("https://")
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if secure else "session",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )


def load_identity() -> None:
    """Set `g.identity` to the visitor's identity, or to None.

    If the access token in the cookie has expired or is refused, the refresh cookie renews the
    session in the same request. An outage is not treated as a refusal: it raises Unavailable.
    """
    g.identity = None
    value = bearer()
    if value is not None:
        g.identity = _authenticated(value)
    else:
        g.identity = _authenticated(cookie(ACCESS)) or _renewed()


def spend_budget() -> None:
    """Count a request that changes something and is not signed in; raises TooManyAttempts."""
    if g.identity is None and request.method not in SAFE_METHODS:
        request_budget.spend(client())


def login_required() -> BaseResponse | None:
    """Redirect visitors without access to the page where they can gain it, such as sign-in.

    Raises NotFound if they cannot gain it.
    """
    needed = rule()
    if Access.SIGNED_IN not in needed:
        return None
    if g.identity is None:
        drafts.keep()
        return redirect(url_for("login.show", next=current_page()), 303)
    if Access.ADMIN in needed and ADMIN not in g.identity.roles:
        raise NotFound("only administrators may see this page")
    needs_factor = Access.ADMIN in needed and lacks_factor(g.identity)
    if needs_factor and end_without_factor(g.identity):
        drafts.keep()
        return redirect(url_for("login.show", next=current_page()), 303)
    if needs_factor or (Access.FRESH in needed and not is_fresh(g.identity)):
        drafts.keep()
        return redirect(url_for("step_up.show", next=current_page()), 303)
    return None


def set_session_cookies(signed_in: SignedIn) -> None:
    """Set the cookies of a session with the current response."""
    g.identity = signed_in.identity
    drafts.remember_user(signed_in.identity.user_id)
    _send(tokens=signed_in)


def set_device_cookie(value: str) -> None:
    """Set the cookie that identifies the browser at its next sign-in, with the current response."""
    _send(device=value)


def set_remembered_cookie(value: str) -> None:
    """Set the cookie of a device that does not have to enter a code, with the current response."""
    _send(remembered=value)


def clear_session_cookies() -> None:
    """Delete the session's cookies with the current response, and what the browser cached."""
    g.identity = None
    _send(tokens=None)


def ending() -> TokenRefused | None:
    """Return why the session of the browser's cookies has ended; None if there are no cookies."""
    refusal: TokenRefused | None = g.get("refusal")
    return refusal if g.identity is None else None


def _authenticated(value: str) -> Identity | None:
    try:
        return sessions.authenticate(value)
    except TokenRefused:
        return None


def _renewed() -> Identity | None:
    """Renew the session of the refresh cookie.

    A refusal does not delete the cookie: another tab may have stored a valid one since.
    """
    value = cookie(REFRESH)
    if not value:
        return None
    try:
        signed_in = refresh.renew(value, client=client())
    except TokenRefused as refusal:
        log.info("session_not_renewed", reason=type(refusal).__name__)
        g.refusal = refusal
        return None
    _send(tokens=signed_in)
    return signed_in.identity


def _send(**cookies: SignedIn | str | None) -> None:
    """Set cookies with the current response.

    Only the last value of each is sent: a request may renew one session and then start another.
    """
    if "cookies" not in g:
        g.cookies = {}
        after_this_request(_set_cookies)
    g.cookies.update(cookies)


def _set_cookies(response: Response) -> Response:
    if "device" in g.cookies:
        expires_at = clock.now() + known_devices.LIFETIME
        _set_cookie(response, DEVICE, g.cookies["device"], expires_at)
    if "remembered" in g.cookies:
        expires_at = clock.now() + current_settings().accounts.remember_device_lifetime
        _set_cookie(response, REMEMBERED, g.cookies["remembered"], expires_at)
    if "tokens" in g.cookies:
        _set_tokens(response, g.cookies["tokens"])
    return response


def _set_tokens(response: Response, signed_in: SignedIn | None) -> None:
    if signed_in is None:
        response.headers["Clear-Site-Data"] = _CACHED_PAGES
    for name in (ACCESS, REFRESH):
        if signed_in is None:
            _delete_cookie(response, name)
        else:
            _set_cookie(response, name, getattr(signed_in, name), signed_in.refresh_expires_at)


def _set_cookie(response: Response, name: str, value: str, expires_at: datetime | None) -> None:
    response.set_cookie(
        cookie_name(name),
        value,
        expires=expires_at,
        secure=is_secure(),
        httponly=True,
        samesite="Lax",
        path="/",
    )


def _delete_cookie(response: Response, name: str) -> None:
    response.delete_cookie(
        cookie_name(name), secure=is_secure(), httponly=True, samesite="Lax", path="/"
    )
