"""Response headers that every answer has, unless it sets its own."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from flask import Flask

from authapp.config import Settings
from authapp.web.brand import Brand

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

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
    """Add the headers to every response, after everything else has set its own."""
    app.wsgi_app = _adding(_headers(app).items(), to=app.wsgi_app)  # type: ignore[assignment, method-assign]


def _headers(app: Flask) -> dict[str, str]:
    settings: Settings = app.extensions["settings"]
    brand: Brand = app.extensions["brand"]
    headers = {
        "Content-Security-Policy": _POLICY.format(style=brand.style_source),
        "X-Content-Type-Options": "nosniff",
        # A URL may contain a link's secret, which no other site may learn from a Referer.
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }
    if settings.public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    return headers


def _adding(defaults: Iterable[tuple[str, str]], *, to: "WSGIApplication") -> "WSGIApplication":
    """Return a WSGI application that answers as another does, with headers of ours.

    Here they are plain lists, which take far less time than Werkzeug's headers do.
    """
    lines = tuple(defaults)

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            own = dict(headers)
            for line in lines:
                if line[0] not in own:
                    headers.append(line)
            return start_response(status, headers, *exc_info)

        return to(environ, start)

    return answer
