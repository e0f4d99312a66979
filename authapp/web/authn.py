"""The hook that says who is asking: it checks the JWT of every page request, and renews it."""

from functools import partial

from flask import Flask, Response, after_this_request, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from authapp.config import current_settings
from authapp.errors import TokenRefused
from authapp.services import sessions
from authapp.services.origin import Origin
from authapp.services.sessions import Identity, SignedIn
from authapp.web.access import Access, rule

ACCESS = "access_token"
REFRESH = "refresh_token"


def init_app(app: Flask) -> None:
    """Put the hook before every page."""
    secure = app.extensions["settings"].public_url.startswith("https://")
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if secure else "session",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.before_request(load_identity)
    app.before_request(require_sign_in)


def load_identity() -> None:
    """Set `g.identity` to who is asking, or to None.

    An access token that is refused, or has expired, is renewed in the same request where the
    refresh cookie allows it. An outage is never taken for a refusal: Unavailable passes through.
    """
    g.identity = None
    if rule() is None:
        return
    try:
        g.identity = sessions.authenticate(_presented())
    except TokenRefused:
        g.identity = _renewed()


def require_sign_in() -> BaseResponse | None:
    """Send an anonymous visitor to the sign-in page, and back afterwards."""
    if rule() is not Access.SIGNED_IN or g.identity is not None:
        return None
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("login.show", next=target), 303)


def origin() -> Origin:
    """Return where the request at hand came from."""
    return Origin(request.remote_addr or "", request.user_agent.string)


def keep(signed_in: SignedIn, response: Response) -> Response:
    """Give the browser a session's tokens."""
    _set_cookie(response, ACCESS, signed_in.access_token, signed_in)
    _set_cookie(response, REFRESH, signed_in.refresh_token, signed_in)
    return response


def forget(response: Response) -> Response:
    """Take the tokens from the browser."""
    for name in (ACCESS, REFRESH):
        response.delete_cookie(
            _cookie(name), secure=_is_secure(), httponly=True, samesite="Lax", path="/"
        )
    return response


def _presented() -> str:
    """Return the access token of the `Authorization` header or, without one, of the cookie."""
    authorization = request.authorization
    if authorization is not None and authorization.type == "bearer":
        return authorization.token or ""
    return request.cookies.get(_cookie(ACCESS), "")


def _renewed() -> Identity | None:
    """Renew the session of the refresh cookie.

    A refusal takes no cookie away: another tab may have put a good one there meanwhile.
    """
    value = request.cookies.get(_cookie(REFRESH))
    if not value:
        return None
    try:
        signed_in = sessions.renew(value, origin=origin())
    except TokenRefused as refusal:
        current_app.logger.info("a session was not renewed: %s", refusal)
        return None
    after_this_request(partial(keep, signed_in))
    return signed_in.identity


def _set_cookie(response: Response, name: str, value: str, signed_in: SignedIn) -> None:
    response.set_cookie(
        _cookie(name),
        value,
        expires=signed_in.refresh_expires_at,
        secure=_is_secure(),
        httponly=True,
        samesite="Lax",
        path="/",
    )


def _cookie(name: str) -> str:
    return f"__Host-{name}" if _is_secure() else name


def _is_secure() -> bool:
    return current_settings().public_url.startswith("https://")
