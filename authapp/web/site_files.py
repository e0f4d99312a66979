"""Addresses that browsers, password managers and security researchers try on every site."""

from datetime import timedelta
from typing import Final

from flask import Blueprint, Response, abort, redirect, url_for
from flask.typing import ResponseReturnValue

from authapp import clock
from authapp.config import current_settings

blueprint = Blueprint("site_files", __name__)

_SECURITY_TXT_VALID: Final = timedelta(days=90)


@blueprint.get("/.well-known/change-password")
def change_password() -> ResponseReturnValue:
    """Redirect password managers to the page that changes the password.

    Source: W3C, A Well-Known URL for Changing Passwords.
    """
    return redirect(url_for("change_password.show"))


@blueprint.get("/.well-known/security.txt")
def security_txt() -> Response:
    """Say how to report a vulnerability, if SECURITY_CONTACT is set (RFC 9116)."""
    settings = current_settings()
    contact = settings.brand.security_contact
    if not contact:
        abort(404)
    expires = (clock.now() + _SECURITY_TXT_VALID).isoformat(timespec="seconds")
    return _text(
        f"Contact: {contact if '://' in contact else f'mailto:{contact}'}",
        f"Expires: {expires}",
        f"Canonical: {settings.deployment.public_url}/.well-known/security.txt",
    )


@blueprint.get("/robots.txt")
def robots_txt() -> Response:
    """Ask search engines to stay away: every page is a form, or belongs to someone (RFC 9309)."""
    return _text("User-agent: *", "Disallow: /")


@blueprint.get("/favicon.ico")
def favicon() -> ResponseReturnValue:
    """Redirect browsers that did not read the page's link to the icon."""
    return redirect(url_for("brand.icon"))


def _text(*lines: str) -> Response:
    return Response("\n".join([*lines, ""]), mimetype="text/plain")
