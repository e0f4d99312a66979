"""Which requests that change something came from our own pages."""

from flask import Flask, request
from flask_wtf.csrf import CSRFError, CSRFProtect

from authapp.web.access import rule

_SAFE = ("GET", "HEAD", "OPTIONS")
# A reload by hand is sent by no site at all.
_OURS = ("same-origin", "none")

csrf = CSRFProtect()


def init_app(app: Flask) -> None:
    """Check every form; a request of a program, which sends no cookie, has nothing to check."""
    app.config.update(
        WTF_CSRF_CHECK_DEFAULT=False,
        # A form is good for as long as the browser's session: lunch must not cost what was typed.
        WTF_CSRF_TIME_LIMIT=None,
        # It asks for a Referer, which our own Referrer-Policy withholds.
        WTF_CSRF_SSL_STRICT=False,
    )
    csrf.init_app(app)


def check() -> None:
    """Refuse a form that another site, even a neighbour under our domain, has sent.

    Source: OWASP CSRF Prevention Cheat Sheet, Fetch Metadata; the token guards older browsers.
    """
    if request.method in _SAFE or rule() is None:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in _OURS:
        raise CSRFError("sent by another site")
    csrf.protect()
