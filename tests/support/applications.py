"""Applications for tests: their settings, and what is done to them before and after use."""

import base64
import threading
from typing import Any, Final

from flask import Flask

from authapp.models import db
from authapp.services import (
    email_sign_in,
    lost_factor,
    password_reset,
    sign_in_blocks,
    verify_email,
)

UNHURRIED: Final = {
    "CACHE_TIMEOUT": "2000",
    "CACHE_CONNECT_TIMEOUT": "2000",
    "DATABASE_REQUESTS": "100",
}
"""Limits for a busy machine, on which servers are slow to answer but not down."""

HURRIED: Final = {"CACHE_TIMEOUT": "100", "CACHE_CONNECT_TIMEOUT": "50"}
"""The timeouts of production, for tests in which Redis is down."""


PRODUCTION = {
    "ENVIRONMENT": "production",
    "MAIL_SERVER": "smtp.example.org",
    "MAIL_DEFAULT_SENDER": "no-reply@example.org",
}
"""What an application for production needs besides `settings`."""


_FILES: Final = ("/static/", "/icon.svg", "/favicon.ico")


def settings(database_url: str, redis_url: str) -> dict[str, str]:
    """Return a complete environment for a development application."""
    return {
        "ENVIRONMENT": "development",
        "SECRET_KEY": "Zk3jf9QwpLm2xVt8RyBn5HsGd7CaUe1T4oI6",
        "KEY_ENCRYPTION_KEYS": base64.urlsafe_b64encode(bytes(range(32))).decode(),
        "CACHE_SEALING_KEYS": base64.urlsafe_b64encode(bytes(range(32, 64))).decode(),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PUBLIC_URL": "http://127.0.0.1:5000",
        "PHONE_REGIONS": "*",
        "EMAIL_SIGN_IN": "on",
    }


def introduce_redis(app: Flask) -> None:
    """Record in the database which Redis this is, so that no request has to.

    A request that holds SQLite's only write lock would wait for it in vain.
    """
    trust = app.extensions["token_cache"].backend.trust
    with app.app_context():
        trust.check()
        trust.distrust()


def answer_requests(app: Flask) -> None:
    """Send the emails that were asked for, as a background worker does every second."""
    with app.app_context():
        verify_email.answer_requests()
        password_reset.answer_requests()
        email_sign_in.answer_requests()
        sign_in_blocks.answer_blocks()
        lost_factor.remind_due()


def work_before_each_request(app: Flask) -> None:
    """Do the work of a background worker before each request, except those for files.

    A page loads several files at once, which would be as many workers on one SQLite database.
    """
    serve, working = app.wsgi_app, threading.Lock()

    def serve_after_work(environ: Any, start_response: Any) -> Any:
        if not environ["PATH_INFO"].startswith(_FILES):
            with working:
                answer_requests(app)
        return serve(environ, start_response)

    app.wsgi_app = serve_after_work


def dispose(app: Flask) -> None:
    """Close an application's connections; closing the cache may still need one of the database."""
    with app.app_context():
        db.session.remove()
        app.extensions["token_cache"].close()
        db.engine.dispose()
