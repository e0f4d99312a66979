"""Signing in and out."""

from typing import Final

from flask import Blueprint, flash, g, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.domain import known_devices
from authapp.domain.sessions import SignedIn
from authapp.errors import (
    AccountClosing,
    AccountFrozen,
    CredentialsRefused,
    EnrollmentRequired,
    NotAllowed,
    SecondFactorRequired,
    TooManyAttempts,
)
from authapp.http.client import client
from authapp.http.credentials import DEVICE, cookie
from authapp.services import delete_account, language, login_code, lost_factor
from authapp.services import login as service
from authapp.services import sign_out as sign_out_service
from authapp.web import authn, drafts, explanations, flows, i18n, messages
from authapp.web.browser import browser_secret, sign_in_device
from authapp.web.forms import LoginForm, refused_for_now
from authapp.web.navigation import next_page, requested_page

blueprint = Blueprint("login", __name__)

CONTINUE_TO: Final = "continue_to"
"""The key in the session cookie of the page that a visitor asked for before registering."""


@blueprint.get("/login")
def show() -> ResponseReturnValue:
    """Show the form."""
    if g.identity:
        return redirect(_next())
    # Scripts in two tabs must not each create one.
    browser_secret()
    return render(LoginForm())


@blueprint.post("/login")
def submit() -> ResponseReturnValue:
    """Sign in, and continue to the requested page."""
    form = LoginForm()
    if not form.validate():
        return render(form), 422
    try:
        signed_in = service.sign_in(
            form.email.data,
            form.password.data,
            remember=form.remember.data,
            device=sign_in_device(),
        )
    except TooManyAttempts as refusal:
        return refused_for_now(form, refusal, _render_paused)
    except CredentialsRefused:
        form.form_errors.append(_("Incorrect email address or password."))
        return render(form), 422
    except (AccountFrozen, AccountClosing, SecondFactorRequired) as refusal:
        return after_right_credentials(refusal)
    return finish(signed_in)


def ask_for_factor(required: SecondFactorRequired) -> ResponseReturnValue:
    """Redirect a visitor who entered the right password to the page for the second factor."""
    pending = required.pending
    flow = flows.start(flows.SECOND_FACTOR, pending, about="sign-in")
    if isinstance(required, EnrollmentRequired):
        return redirect(url_for("login_enroll.show", flow=flow, next=_next()), 303)
    if lost_factor.is_over(pending):
        return redirect(url_for("lost_factor.show", flow=flow, next=_next()), 303)
    methods = login_code.methods(pending)
    if methods.passkey:
        return redirect(url_for("login_passkey.second_step", flow=flow, next=_next()), 303)
    kind = "code" if methods.app else "recovery-code"
    return redirect(url_for("login_code.show", kind=kind, flow=flow, next=_next()), 303)


def finish(signed_in: SignedIn, message: str = "") -> ResponseReturnValue:
    """Sign the browser in, and continue to the requested page, which shows the message."""
    target = _next()
    sign_in_browser(signed_in)
    if message:
        flash(message)
    return redirect(target, 303)


def sign_in_browser(signed_in: SignedIn) -> None:
    """Sign the browser in with the current response."""
    drafts.carry_over()
    authn.set_session_cookies(signed_in)
    drafts.tell_if_lost()
    # The account's language also applies in browsers where none or another one was chosen.
    if chosen := language.get_language(signed_in.identity.user_id):
        i18n.remember(chosen)
    authn.set_device_cookie(known_devices.learn(cookie(DEVICE), signed_in.identity.user_id))
    if signed_in.remembered:
        authn.set_remembered_cookie(signed_in.remembered)


@blueprint.post("/logout")
def sign_out() -> ResponseReturnValue:
    """End the session, in every tab and for every copy of its tokens."""
    if g.identity:
        sign_out_service.sign_out(g.identity, client=client())
    authn.clear_session_cookies()
    session.clear()
    flash(_("You have signed out."))
    return redirect(url_for("login.show", next=requested_page()), 303)


def after_right_credentials(
    refusal: NotAllowed, *, knows_password: bool = True
) -> ResponseReturnValue:
    """Continue with an account for which the right password, or passkey, is not enough."""
    if isinstance(refusal, SecondFactorRequired):
        return ask_for_factor(refusal)
    if isinstance(refusal, AccountClosing):
        value = delete_account.issue_keep_token(refusal.user_id)
        kind = flows.KEEP_ACCOUNT if knows_password else flows.KEEP_ACCOUNT_BY_PASSKEY
        # A later offer to the same account replaces the earlier one, in every tab.
        flow = flows.start(kind, value, about=str(refusal.user_id))
        return redirect(url_for("delete_account.offer", flow=flow), 303)
    return render_template("login/frozen.html", text=explanations.FROZEN), 403


def render(form: LoginForm, *, is_paused: bool = False) -> str:
    ending = authn.ending()
    return render_template(
        "login/show.html",
        form=form,
        next=requested_page(),
        why_ended=messages.for_ending(ending) if ending else "",
        is_kept=drafts.is_kept(),
        is_paused=is_paused,
    )


def _render_paused(form: LoginForm) -> str:
    return render(form, is_paused=True)


def _next() -> str:
    return next_page(session.get(CONTINUE_TO) or url_for("account.show"))
