"""The Flask application, without the work that Flask does for pages in every request."""

from typing import Any, Final

from flask import Flask
from flask.ctx import RequestContext
from flask.sessions import NullSession, SessionMixin

_UNOPENED: Final = NullSession()
"""Stands in for a session cookie that was not read; Flask does not save it."""


class Application(Flask):
    """Opens the session cookie when a request first uses `session`, and so for pages only."""

    def request_context(self, environ: dict[str, Any]) -> RequestContext:
        """Return the context of a request whose session is not opened yet."""
        return _LazySessionContext(self, environ, session=_UNOPENED)


class _LazySessionContext(RequestContext):
    @property
    def session(self) -> SessionMixin:
        if self._session is _UNOPENED:
            self._session = self.app.session_interface.open_session(self.app, self.request)
        return super().session
