"""HTML pages: their blueprints, and the hooks that run before them."""

from authapp.config import DEVELOPMENT, Settings
from authapp.domain import registration
from authapp.domain.factors.passkeys import are_available, site
from authapp.http.application import Application
from authapp.web import (
    access,
    account,
    activity,
    admin,
    admin_invite,
    api_tokens,
    authn,
    bodies,
    brand,
    change_email,
    change_password,
    csrf,
    delete_account,
    dev_outbox,
    download_data,
    email_sign_in,
    errors,
    fragments,
    freeze_account,
    headers,
    home,
    i18n,
    invitation,
    language,
    login,
    login_code,
    login_enroll,
    login_passkey,
    lost_factor,
    navigation,
    passkeys,
    password_reset,
    passwords,
    phone,
    register,
    remembered_devices,
    replace_app,
    second_factors,
    sessions,
    site_files,
    step_up,
    verify_email,
    verify_phone,
)
from authapp.web.access import Access, allow


def init_app(app: Application) -> None:
    """Register the hooks, and every page with its access rule."""
    settings: Settings = app.extensions["settings"]
    for part in (i18n, fragments, brand, headers, authn, csrf, errors, email_sign_in, lost_factor):
        part.init_app(app)
    # The identity is loaded first, because error pages show it too.
    access.init_app(
        app,
        authn.load_identity,
        authn.spend_budget,
        navigation.check_query,
        bodies.check,
        csrf.check,
        authn.login_required,
    )
    app.jinja_env.globals.update(
        section_rows=account.rows,
        account_menu=account.menu,
        admin_menu=admin.menu,
        is_administrator=admin.is_administrator,
        has_passkeys=are_available,
        may_register=registration.is_open,
        passkey_origin=lambda: site().origin,
    )
    is_development = settings.deployment.environment == DEVELOPMENT
    app.jinja_env.globals["has_outbox_page"] = is_development
    _register_pages(app)
    if is_development:
        allow(app, dev_outbox.blueprint, Access.ANYONE)


def _register_pages(app: Application) -> None:
    # No access rule: like static/, these files are the same for every visitor.
    app.register_blueprint(brand.blueprint)
    app.register_blueprint(site_files.blueprint)
    for feature in (
        home,
        language,
        register,
        invitation,
        verify_email,
        passwords,
        password_reset,
        login,
        email_sign_in,
        login_code,
        login_enroll,
        login_passkey,
        freeze_account,
    ):
        allow(app, feature.blueprint, Access.ANYONE)
    by_link = {"confirm": Access.ANYONE, "claim": Access.ANYONE}
    allow(app, change_email.blueprint, Access.FRESH, claim_by_code=Access.SIGNED_IN, **by_link)
    for feature in (account, activity, change_password, step_up, verify_phone):
        allow(app, feature.blueprint, Access.SIGNED_IN)
    allow(app, lost_factor.blueprint, Access.ANYONE, stop=Access.SIGNED_IN)
    # Users who decide to keep a closed account are not signed in.
    signed_in = {"show": Access.SIGNED_IN, "close": Access.SIGNED_IN}
    allow(app, delete_account.blueprint, Access.ANYONE, **signed_in)
    allow(app, download_data.blueprint, Access.FRESH)
    allow(app, sessions.blueprint, Access.FRESH)
    allow(app, second_factors.blueprint, Access.FRESH)
    allow(app, replace_app.blueprint, Access.FRESH)
    allow(app, passkeys.blueprint, Access.FRESH)
    allow(app, remembered_devices.blueprint, Access.FRESH)
    allow(app, api_tokens.blueprint, Access.FRESH, show=Access.SIGNED_IN)
    allow(app, phone.blueprint, Access.FRESH)
    allow(app, admin.blueprint, Access.ADMIN)
    allow(app, admin_invite.blueprint, Access.ADMIN)
