"""The pages: blueprints that render HTML, and the hooks that run before them."""

from authapp.config import DEVELOPMENT, Settings
from authapp.http.application import Application
from authapp.web import (
    access,
    account,
    activity,
    api_tokens,
    authn,
    bodies,
    brand,
    change_email,
    change_password,
    confirm_password,
    csrf,
    delete_account,
    dev_outbox,
    download_data,
    errors,
    freeze_account,
    headers,
    home,
    i18n,
    login,
    password_reset,
    passwords,
    phone,
    register,
    sessions,
    verify_email,
    verify_phone,
)
from authapp.web.access import Access, allow


def init_app(app: Application) -> None:
    """Register every page with who may see it, and the hooks."""
    settings: Settings = app.extensions["settings"]
    for part in (i18n, brand, headers, authn, csrf, errors):
        part.init_app(app)
    # The identity comes first, so that the page of every refusal has it.
    access.init_app(
        app,
        authn.load_identity,
        authn.spend_budget,
        bodies.check,
        csrf.check,
        authn.login_required,
    )
    # Its files are the same for every visitor, like those in static/.
    app.register_blueprint(brand.blueprint)
    for feature in (home, register, passwords, password_reset, login, freeze_account):
        allow(app, feature.blueprint, Access.EVERYBODY)
    allow(app, verify_email.blueprint, Access.EVERYBODY, send_again=Access.SIGNED_IN)
    by_link = {"confirm": Access.EVERYBODY, "claim": Access.EVERYBODY}
    allow(app, change_email.blueprint, Access.FRESH, claim_by_code=Access.SIGNED_IN, **by_link)
    allow(app, change_password.blueprint, Access.VERIFIED)
    for feature in (account, activity, confirm_password):
        allow(app, feature.blueprint, Access.SIGNED_IN)
    # Whoever keeps an account that they closed is not signed in.
    signed_in = {"show": Access.SIGNED_IN, "close": Access.SIGNED_IN}
    allow(app, delete_account.blueprint, Access.EVERYBODY, **signed_in)
    allow(app, download_data.blueprint, Access.FRESH)
    allow(app, sessions.blueprint, Access.FRESH)
    allow(app, api_tokens.blueprint, Access.FRESH | Access.VERIFIED, show=Access.SIGNED_IN)
    allow(app, verify_phone.blueprint, Access.VERIFIED)
    allow(app, phone.blueprint, Access.FRESH | Access.VERIFIED)
    app.jinja_env.globals.update(sections=account.SECTIONS, trail_to_here=account.trail_to_here)
    is_development = settings.deployment.environment == DEVELOPMENT
    app.jinja_env.globals["has_outbox_page"] = is_development
    if is_development:
        allow(app, dev_outbox.blueprint, Access.EVERYBODY)
