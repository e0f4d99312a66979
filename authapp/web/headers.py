"""Default headers of every response."""

from typing import Final

from authapp.config import Settings
from authapp.http.application import Application
from authapp.web.brand import Brand

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self' {style}",
        "script-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def init_app(app: Application) -> None:
    """Send the headers with every response that does not set its own."""
    settings: Settings = app.extensions["settings"]
    brand: Brand = app.extensions["brand"]
    headers = {
        "Content-Security-Policy": _POLICY.format(style=brand.style_source),
        "X-Content-Type-Options": "nosniff",
        # A URL may contain a link's secret, which must not reach other sites in a Referer.
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }
    if settings.deployment.public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    app.set_default_headers(headers)
