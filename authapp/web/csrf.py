"""Refuses requests that change something but do not come from this site's own pages."""

from typing import Final

from flask import Flask, g, request
from flask_wtf.csrf import CSRFError, generate_csrf, validate_csrf
from wtforms import ValidationError

from authapp.config import current_settings
from authapp.http.request import SAFE_METHODS

# A browser sends "none" when the user reloads a page.
_OURS: Final = ("same-origin", "none")


def init_app(app: Flask) -> None:
    """Give every form a CSRF token.

    Flask-WTF's own CSRFProtect would also run before requests from programs.
    """
    # A form works as long as the browser's session, so that users do not lose what they typed.
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    app.jinja_env.globals["csrf_token"] = generate_csrf


def check() -> None:
    """Refuse a form sent by another site, including other subdomains of the same domain.

    Source: OWASP CSRF Prevention Cheat Sheet, Fetch Metadata and origin; the token is for
    browsers that send neither.
    """
    if request.method in SAFE_METHODS:
        return
    if _is_from_another_site():
        raise CSRFError("sent by another site")
    try:
        validate_csrf(request.form.get("csrf_token"), secret_key=_keys())
    except ValidationError as refusal:
        raise CSRFError(str(refusal)) from None
    # Flask-WTF's forms then do not check the token again.
    g.csrf_valid = True


def _keys() -> list[str]:
    """Return the keys that may have signed a form's token; for itsdangerous, the newest is last.

    Flask-WTF itself accepts no fallbacks: a form that was open during a rotation would be refused.
    """
    return current_settings().secrets.accepted_secret_keys[::-1]


def _is_from_another_site() -> bool:
    """Return whether the browser says that the request is from another site."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in _OURS
    # Browsers from before 2023, and all of them over http. Their forms on our own pages have the
    # origin "null", because the pages send `Referrer-Policy: no-referrer`.
    origin = request.headers.get("Origin", "null")
    return origin not in ("null", current_settings().deployment.public_url)
