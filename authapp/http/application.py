"""The Flask application, without the work that Flask does for pages on every request."""

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from flask import Flask
from flask.ctx import RequestContext
from flask.sessions import NullSession, SessionMixin
from werkzeug.exceptions import BadHost

from authapp.http import host, request_id
from authapp.http.request import StrictRequest
from authapp.http.request_metrics import request_metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_finished: Final = request_metrics.finished

_UNOPENED: Final = NullSession()
"""Marks a session cookie that has not been read; Flask does not save it."""


class Application(Flask):
    """Opens the session cookie when `session` is first used, and adds the default headers."""

    request_class = StrictRequest

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._default_headers: tuple[tuple[str, str], ...] = ()

    def set_default_headers(self, headers: Mapping[str, str]) -> None:
        """Send these headers with every response that does not set them itself."""
        self._default_headers = tuple(headers.items())

    def wsgi_app(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request, and add it to the metrics.

        Default headers are added to the plain list, which takes far less time than adding them to
        Werkzeug's headers.
        """
        began = perf_counter()
        if not request_metrics.is_running:
            request_metrics.start()
        if host.HOST.fullmatch(environ.get("HTTP_HOST", "")) is None:
            host.replace(environ)

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            own = dict(headers)
            for header in self._default_headers:
                if header[0] not in own:
                    headers.append(header)
            rule = environ["werkzeug.request"].url_rule
            _finished.append((environ["REQUEST_METHOD"], rule, status, perf_counter() - began))
            if request_id.KEY in environ:
                headers.append(("X-Request-ID", environ[request_id.KEY]))
            return start_response(status, headers, *exc_info)

        return super().wsgi_app(environ, start)

    def request_context(self, environ: dict[str, Any]) -> RequestContext:
        """Return the context of a request whose session is not opened yet."""
        kind = _BadHostContext if host.REPLACED in environ else _LazySessionContext
        return kind(self, environ, session=_UNOPENED)


class _LazySessionContext(RequestContext):
    @property
    def session(self) -> SessionMixin:
        if self._session is _UNOPENED:
            self._session = self.app.session_interface.open_session(self.app, self.request)
        return super().session


class _BadHostContext(_LazySessionContext):
    def match_request(self) -> None:
        self.request.routing_exception = BadHost(
            "The Host header must contain only this site's name."
        )
