"""Refuses requests that change something but do not come from this site's own pages."""

from typing import Final

from flask import Flask, g, request
from flask_wtf.csrf import CSRFError, generate_csrf, validate_csrf
from wtforms import ValidationError

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

    Source: OWASP CSRF Prevention Cheat Sheet, Fetch Metadata; the token protects older browsers.
    """
    if request.method in SAFE_METHODS:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in _OURS:
        raise CSRFError("sent by another site")
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError as refusal:
        raise CSRFError(str(refusal)) from None
    # Flask-WTF's forms then do not check the token again.
    g.csrf_valid = True
