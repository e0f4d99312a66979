"""Response headers that every page has."""

from typing import Final

from flask import Flask, Response, current_app, request

from authapp.config import current_settings
from authapp.web.brand import Brand

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self' {style}",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def init_app(app: Flask) -> None:
    """Set the headers on every response."""
    app.after_request(_set)


def _set(response: Response) -> Response:
    headers = response.headers
    brand: Brand = current_app.extensions["brand"]
    headers.setdefault("Content-Security-Policy", _POLICY.format(style=brand.style_source))
    headers.setdefault("X-Content-Type-Options", "nosniff")
    # A link's secret stands in its URL; nobody else may learn it from a Referer.
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if current_settings().public_url.startswith("https://"):
        headers.setdefault("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response
