"""The tokens that the request at hand brings along, in its header or in its cookies."""

from typing import Final

from flask import request

from authapp.config import current_settings

ACCESS: Final = "access_token"
REFRESH: Final = "refresh_token"
DEVICE: Final = "device"
"""What a browser is known by in which somebody has signed in before."""


def bearer() -> str | None:
    """Return the token of the `Authorization` header; None if there is no such header."""
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer":
        return None
    return authorization.token or ""


def cookie(name: str) -> str:
    """Return the token of a cookie; empty if there is none."""
    return request.cookies.get(cookie_name(name), "")


def cookie_name(name: str) -> str:
    """Return what a cookie is called; behind TLS it is a name that no neighbour can set."""
    return f"__Host-{name}" if is_secure() else name


def is_secure() -> bool:
    """Tell whether people reach us by TLS."""
    return current_settings().public_url.startswith("https://")
