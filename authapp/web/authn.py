"""The hook that says who is asking: it checks the JWT of every request, and renews it."""

from datetime import datetime

from flask import Flask, Response, current_app, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from authapp import clock
from authapp.errors import TokenRefused
from authapp.http.credentials import ACCESS, DEVICE, REFRESH, bearer, cookie, cookie_name, is_secure
from authapp.http.origin import origin
from authapp.http.problems import is_for_program
from authapp.services import known_devices, refresh, sessions
from authapp.services.confirm_password import is_fresh
from authapp.services.sessions import Identity, SignedIn
from authapp.services.standing import may_do_everything
from authapp.web.access import Access, rule
from authapp.web.navigation import page_at_hand


def init_app(app: Flask) -> None:
    """Say how the cookies are kept."""
    secure = app.extensions["settings"].public_url.startswith("https://")
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if secure else "session",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.after_request(_settle_cookies)


def load_identity() -> None:
    """Set `g.identity` to who is asking, or to None.

    An access token of the cookie that is refused, or has expired, is renewed in the same request
    where the refresh cookie allows it. An outage is never taken for a refusal: Unavailable passes
    through.
    """
    g.identity = None
    if not _is_browsing():
        return
    value = bearer()
    if value is not None:
        g.identity = _authenticated(value)
    else:
        g.identity = _authenticated(cookie(ACCESS)) or _renewed()


def login_required() -> BaseResponse | None:
    """Send whoever may not see a page to where they can show that they may, and back afterwards."""
    needed = rule() or Access.EVERYBODY
    if Access.SIGNED_IN not in needed:
        return None
    if g.identity is None:
        return redirect(url_for("login.show", next=page_at_hand()), 303)
    if Access.VERIFIED in needed and not may_do_everything(g.identity.user_id):
        flash(_("That takes a verified address."))
        return redirect(url_for("verify_email.show"), 303)
    if Access.FRESH in needed and not is_fresh(g.identity):
        return redirect(url_for("confirm_password.show", next=page_at_hand()), 303)
    return None


def keep(signed_in: SignedIn) -> None:
    """Give the browser a session's tokens with the response at hand."""
    g.identity = signed_in.identity
    g.tokens = signed_in


def keep_device(value: str) -> None:
    """Let the browser be known the next time, with the response at hand."""
    g.device = value


def forget() -> None:
    """Take the tokens from the browser with the response at hand."""
    g.identity = None
    g.tokens = None


def ending() -> TokenRefused | None:
    """Return why the session that the browser holds on to is over; None if it holds none."""
    refusal: TokenRefused | None = g.get("refusal")
    return refusal if g.identity is None else None


def _is_browsing() -> bool:
    """Tell whether a page is asked for, or an address that leads nowhere.

    A program's route sees to itself: it takes no cookie, so no other site can use one there.
    """
    if request.endpoint is None:
        return not is_for_program()
    return rule() is not None and request.blueprint != "brand"


def _authenticated(value: str) -> Identity | None:
    try:
        return sessions.authenticate(value)
    except TokenRefused:
        return None


def _renewed() -> Identity | None:
    """Renew the session of the refresh cookie.

    A refusal takes no cookie away: another tab may have put a good one there meanwhile.
    """
    value = cookie(REFRESH)
    if not value:
        return None
    try:
        signed_in = refresh.renew(value, origin=origin())
    except TokenRefused as refusal:
        current_app.logger.info("a session was not renewed: %s", refusal)
        g.refusal = refusal
        return None
    g.tokens = signed_in
    return signed_in.identity


def _settle_cookies(response: Response) -> Response:
    """Let the last word of a request count: it may renew one session and then begin another."""
    if "device" in g:
        _set_cookie(response, DEVICE, g.device, clock.now() + known_devices.LIFETIME)
    if "tokens" not in g:
        return response
    signed_in: SignedIn | None = g.tokens
    for name in (ACCESS, REFRESH):
        if signed_in is None:
            _delete_cookie(response, name)
        else:
            _set_cookie(response, name, getattr(signed_in, name), signed_in.refresh_expires_at)
    return response


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
