"""authapp: an authentication server for accounts, sessions and API tokens."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from authapp import api, token_cache, web
from authapp.config import Settings, load
from authapp.delivery import sms
from authapp.delivery.mail import mailer
from authapp.delivery.webhooks.connection import tls
from authapp.http import logs
from authapp.http.application import Application
from authapp.http.request_metrics import request_metrics
from authapp.models.base import db, engine_options, prepare_engine
from authapp.models.database_slots import DatabaseSlots, SlottedPool
from authapp.models.outage import database_outage

_PACKAGE: Final = Path(__file__).resolve().parent
ROOT: Final = _PACKAGE.parent
FILES: Final = _PACKAGE if (_PACKAGE / "templates").is_dir() else ROOT
"""Where templates, static files and migrations are: a wheel has them inside the package."""


def create_app(environ: Mapping[str, str] | None = None, *, has_commands: bool = True) -> Flask:
    """Return the application for an environment; raises ConfigError for invalid settings.

    A process that only serves requests does without commands.
    """
    settings = load(os.environ if environ is None else environ)
    logs.configure(settings)
    app = Application(
        __name__, template_folder=str(FILES / "templates"), static_folder=str(FILES / "static")
    )
    app.extensions["settings"] = settings
    slots = DatabaseSlots(settings.database.requests, settings.database.timeout)
    app.extensions["database_slots"] = slots
    app.config.update(_flask_config(settings, slots))
    if settings.deployment.trusted_proxies:
        hops = settings.deployment.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine, settings)
    token_cache.token_cache.init_app(app)
    with app.app_context():
        database_outage.watch(db.engine)
        request_metrics.watch(db.engine)
    mailer.init_app(app)
    sms.init_app(app)
    if settings.webhooks.ca_file:
        tls(settings.webhooks.ca_file)
    for skin in (web, api):
        skin.init_app(app)
    if has_commands:
        _add_commands(app)
    return app


def _add_commands(app: Flask) -> None:
    """Add the commands and the migrations."""
    # What they import takes 9 MiB, which each worker of a server would hold.
    from flask_migrate import Migrate  # noqa: PLC0415

    from authapp import cli  # noqa: PLC0415

    Migrate(app, db, directory=str(FILES / "migrations"), compare_type=True)
    cli.init_app(app)


def _flask_config(settings: Settings, slots: DatabaseSlots) -> dict[str, Any]:
    """Return our settings as the configuration of Flask and its extensions."""
    return {
        "SECRET_KEY": settings.secrets.secret_key,
        "SECRET_KEY_FALLBACKS": settings.secrets.secret_key_fallbacks,
        "SQLALCHEMY_DATABASE_URI": settings.database.url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            **engine_options(settings),
            "pool_size": settings.database.pool_size,
            "poolclass": SlottedPool,
            "slots": slots,
        },
        "MAIL_SERVER": settings.mail.server,
        "MAIL_PORT": settings.mail.port,
        "MAIL_USE_TLS": settings.mail.security == "starttls",
        "MAIL_USE_SSL": settings.mail.security == "tls",
        "MAIL_USERNAME": settings.mail.username or None,
        "MAIL_PASSWORD": settings.mail.password or None,
        "MAIL_DEFAULT_SENDER": settings.mail.default_sender,
        "MAX_CONTENT_LENGTH": 256 * 1024,
        "MAX_FORM_MEMORY_SIZE": 256 * 1024,
    }
