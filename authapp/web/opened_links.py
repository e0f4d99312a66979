"""Emailed links whose secret moves from the URL to the session cookie before any page is shown.

This keeps it out of the browser's history, out of Referer headers, and off the screen.
Source: OWASP Forgot Password Cheat Sheet.
"""

from typing import Final

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from authapp.errors import TokenRefused
from authapp.web import flows
from authapp.web.flows import Flow

_LONGEST: Final = 200


class LinkNotOpened(TokenRefused):
    """The browser did not open a link of this kind, or opened it too long ago."""


def open_link(kind: str, value: str, page: str) -> ResponseReturnValue:
    """Store a link's secret in the session cookie, and redirect to the page that uses it."""
    flow = flows.start(kind, value[:_LONGEST])
    return redirect(url_for(page, flow=flow), 303)


def require(kind: str) -> Flow:
    """Return the link that the browser has opened, as a flow; raises LinkNotOpened."""
    opened = flows.opened(kind)
    if opened is None:
        raise LinkNotOpened("no link was opened in this browser")
    return opened
