"""The pages: blueprints that render HTML, and the hooks that stand before them."""

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from authapp.config import DEVELOPMENT, Settings
from authapp.web import authn, errors, headers, i18n
from authapp.web.access import Access, allow
from authapp.web.account import account
from authapp.web.dev_outbox import dev_outbox
from authapp.web.home import home
from authapp.web.login import login
from authapp.web.register import register
from authapp.web.verify_email import verify_email

csrf = CSRFProtect()


def init_app(app: Flask) -> None:
    """Register every page with who may see it, and the hooks."""
    settings: Settings = app.extensions["settings"]
    headers.init_app(app)
    i18n.init_app(app)
    csrf.init_app(app)
    authn.init_app(app)
    errors.init_app(app)
    for blueprint in (home, register, login, verify_email):
        allow(app, blueprint, Access.EVERYBODY)
    for blueprint in (account,):
        allow(app, blueprint, Access.SIGNED_IN)
    if settings.environment == DEVELOPMENT:
        allow(app, dev_outbox, Access.EVERYBODY)
