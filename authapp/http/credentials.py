"""The tokens in the current request's `Authorization` header and cookies."""

from typing import Final

from flask import request

from authapp.config import current_settings

ACCESS: Final = "access_token"
REFRESH: Final = "refresh_token"
DEVICE: Final = "device"
"""Identifies a browser in which someone has signed in before."""
REMEMBERED: Final = "remembered"
"""Proves that its device does not have to enter a code."""


def bearer() -> str | None:
    """Return the bearer token in the `Authorization` header; None if there is none."""
    scheme, _, value = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def cookie(name: str) -> str:
    """Return the token in a cookie; empty if there is none."""
    full_name = cookie_name(name)
    # For a missing name, `get` of Werkzeug's dictionary builds and catches an exception.
    return request.cookies[full_name] if full_name in request.cookies else ""  # noqa: SIM401


def cookie_name(name: str) -> str:
    """Return a cookie's name; behind TLS, its prefix keeps other subdomains from setting it."""
    return f"__Host-{name}" if is_secure() else name


def is_secure() -> bool:
    """Return whether users reach this site over TLS."""
    return current_settings().deployment.public_url.startswith("https://")
