"""The pages: blueprints that render HTML, and the hooks that run before them."""

from flask import Flask

from authapp.config import DEVELOPMENT, Settings
from authapp.web import access, authn, brand, csrf, errors, headers, i18n
from authapp.web.access import Access, allow
from authapp.web.account import account, sections, trail_to_here
from authapp.web.activity import activity
from authapp.web.api_tokens import api_tokens
from authapp.web.change_email import change_email
from authapp.web.change_password import change_password
from authapp.web.confirm_password import confirm_password
from authapp.web.delete_account import delete_account
from authapp.web.dev_outbox import dev_outbox
from authapp.web.download_data import download_data
from authapp.web.home import home
from authapp.web.login import login
from authapp.web.not_me import not_me
from authapp.web.password_reset import password_reset
from authapp.web.passwords import passwords
from authapp.web.phone import phone
from authapp.web.register import register
from authapp.web.sessions import sessions
from authapp.web.verify_email import verify_email
from authapp.web.verify_phone import verify_phone


def init_app(app: Flask) -> None:
    """Register every page with who may see it, and the hooks."""
    settings: Settings = app.extensions["settings"]
    for part in (i18n, brand, headers, authn, csrf, errors):
        part.init_app(app)
    # The identity comes first, so that the page of every refusal has it.
    access.init_app(app, authn.load_identity, csrf.check, authn.login_required)
    # Its files are the same for every visitor, like those in static/.
    app.register_blueprint(brand.brand)
    for blueprint in (home, register, passwords, password_reset, login, not_me):
        allow(app, blueprint, Access.EVERYBODY)
    allow(app, verify_email, Access.EVERYBODY, send_again=Access.SIGNED_IN)
    by_link = {"confirm": Access.EVERYBODY, "claim": Access.EVERYBODY}
    allow(app, change_email, Access.FRESH, claim_by_code=Access.SIGNED_IN, **by_link)
    allow(app, change_password, Access.VERIFIED)
    for blueprint in (account, activity, confirm_password):
        allow(app, blueprint, Access.SIGNED_IN)
    # Whoever keeps an account that they closed is not signed in.
    allow(app, delete_account, Access.EVERYBODY, show=Access.SIGNED_IN, close=Access.SIGNED_IN)
    allow(app, download_data, Access.FRESH)
    allow(app, sessions, Access.FRESH)
    allow(app, api_tokens, Access.FRESH | Access.VERIFIED, show=Access.SIGNED_IN)
    allow(app, verify_phone, Access.VERIFIED)
    allow(app, phone, Access.FRESH | Access.VERIFIED)
    app.jinja_env.globals.update(sections=sections, trail_to_here=trail_to_here)
    is_development = settings.environment == DEVELOPMENT
    app.jinja_env.globals["has_outbox_page"] = is_development
    if is_development:
        allow(app, dev_outbox, Access.EVERYBODY)
