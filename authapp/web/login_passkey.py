"""Signing in with a passkey: alone, and as the second step after a password."""

from flask import Blueprint, g, jsonify, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.config import current_settings
from authapp.errors import (
    AccountClosing,
    AccountFrozen,
    CredentialsRefused,
    InputRefused,
    NotAllowed,
    TokenRefused,
    TooManyAttempts,
)
from authapp.services import login_code
from authapp.services import login_passkey as service
from authapp.web import flows, login, messages
from authapp.web.browser import browser_secret, sign_in_device
from authapp.web.flows import Flow
from authapp.web.forms import LoginForm, PasskeyForm, RememberDeviceForm, refused_for_now
from authapp.web.login_code import begin_again
from authapp.web.navigation import page_after_sign_in

blueprint = Blueprint("login_passkey", __name__, url_prefix="/login")
blueprint.register_error_handler(TokenRefused, begin_again)


class SecondStepForm(RememberDeviceForm, PasskeyForm):
    """What the browser answered, and whether to ask for a second step on this device again."""


@blueprint.get("/passkey/options")
def options() -> ResponseReturnValue:
    """Return the options with which the browser asks for any passkey of this site."""
    return jsonify(service.begin(browser=browser_secret()))


@blueprint.post("/passkey")
def submit() -> ResponseReturnValue:
    """Sign in with a passkey alone, and continue to the requested page."""
    form, answer = LoginForm(), PasskeyForm()
    try:
        signed_in = service.sign_in(
            answer.passkey.data,
            browser=browser_secret(),
            remember=form.remember.data,
            device=sign_in_device(),
        )
    except TooManyAttempts as refusal:
        return refused_for_now(form, refusal, login.render)
    except InputRefused as refusal:
        form.form_errors.append(messages.for_passkey(answer.passkey.data, refusal))
        return login.render(form), 422
    except CredentialsRefused:
        form.form_errors.append(_("This passkey doesn't work here. Sign in with your password."))
        return login.render(form), 422
    except (AccountFrozen, AccountClosing) as refusal:
        return login.after_right_credentials(refusal, knows_password=False)
    return login.finish(signed_in)


@blueprint.get("/second-step")
def second_step() -> ResponseReturnValue:
    """Ask for a passkey; visitors who have not entered their password start at the beginning."""
    if g.identity:
        return redirect(page_after_sign_in())
    pending = flows.opened(flows.SECOND_FACTOR)
    return _render(SecondStepForm(), pending) if pending else begin_again()


@blueprint.get("/second-step/options")
def second_options() -> ResponseReturnValue:
    """Return the options with which the browser asks for one of the account's passkeys."""
    value = flows.subject_of(flows.opened(flows.SECOND_FACTOR))
    return jsonify(service.begin_second_step(value, browser=browser_secret()))


@blueprint.post("/second-step")
def complete() -> ResponseReturnValue:
    """Complete the sign-in, and continue to the requested page."""
    pending = flows.opened(flows.SECOND_FACTOR)
    if pending is None:
        return begin_again()
    form = SecondStepForm()
    try:
        signed_in = service.complete_sign_in(
            pending.subject,
            form.passkey.data,
            browser=browser_secret(),
            device=sign_in_device(),
            remember_device=form.remembers_device,
        )
    except TooManyAttempts as refusal:
        return refused_for_now(form, refusal, lambda form: _render(form, pending))
    except InputRefused as refusal:
        form.form_errors.append(messages.for_passkey(form.passkey.data, refusal))
        return _render(form, pending), 422
    except CredentialsRefused:
        form.form_errors.append(_("This passkey doesn't work here. Choose another way."))
        return _render(form, pending), 422
    except (TokenRefused, NotAllowed):
        # The sign-in page explains what happened to the account.
        return begin_again()
    return login.finish(signed_in)


def _render(form: SecondStepForm, pending: Flow) -> str:
    return render_template(
        "login/passkey.html",
        form=form,
        flow=pending,
        methods=login_code.methods(pending.subject),
        next=page_after_sign_in(),
        remembered_for=current_settings().accounts.remember_device_lifetime,
    )
