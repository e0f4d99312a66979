"""Refuses requests that change something and did not come from one of our own pages."""

from typing import Final

from flask import Flask, g, request
from flask_wtf.csrf import CSRFError, generate_csrf, validate_csrf
from wtforms import ValidationError

from authapp.http.request import SAFE_METHODS

# A browser sends "none" when the user reloads a page.
_OURS: Final = ("same-origin", "none")


def init_app(app: Flask) -> None:
    """Give every form its token.

    Flask-WTF's own CSRFProtect would run before every request of a program, too.
    """
    # A form works as long as the browser's session, so that no typed text is lost over lunch.
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    app.jinja_env.globals["csrf_token"] = generate_csrf


def check() -> None:
    """Refuse a form that another site has sent, even a neighbour under the same domain.

    Source: OWASP CSRF Prevention Cheat Sheet, Fetch Metadata; the token guards older browsers.
    """
    if request.method in SAFE_METHODS:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in _OURS:
        raise CSRFError("sent by another site")
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError as refusal:
        raise CSRFError(str(refusal)) from None
    # Flask-WTF's forms then leave the token alone.
    g.csrf_valid = True
