"""Setting up a second factor while signing in, where one is required."""

from typing import Final

from flask import Blueprint, g, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from authapp.errors import Conflict, InputRefused, NotAllowed, NotFound, TokenRefused
from authapp.services import login_enroll as service
from authapp.services.login_enroll import Enrolled
from authapp.web import flows, login, login_code, messages, second_factors
from authapp.web.browser import browser_secret, sign_in_device
from authapp.web.flows import Flow
from authapp.web.forms import CodeForm, PasskeyForm, show_refusal
from authapp.web.navigation import page_after_sign_in
from authapp.web.passkeys import default_name

blueprint = Blueprint("login_enroll", __name__, url_prefix="/login/enroll")


_NOT_ALLOWED: Final = (TokenRefused, NotAllowed, NotFound, Conflict)
"""Why a visitor starts again at the beginning: the sign-in page says what is needed now."""


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Explain that sign-in needs a second factor, and offer the kinds."""
    if g.identity:
        return redirect(page_after_sign_in())
    return _render_choice(PasskeyForm(), flows.opened(flows.SECOND_FACTOR))


@blueprint.post("")
def begin() -> ResponseReturnValue:
    """Generate the secret of a new authenticator app."""
    pending = flows.opened(flows.SECOND_FACTOR)
    try:
        service.begin(flows.subject_of(pending))
    except _NOT_ALLOWED:
        return login_code.begin_again()
    return redirect(_here("login_enroll.enroll", pending), 303)


@blueprint.get("/app")
def enroll() -> ResponseReturnValue:
    """Show the secret as a QR code and as text, and ask for a first code."""
    if g.identity:
        return redirect(page_after_sign_in())
    return _render(CodeForm(), flows.opened(flows.SECOND_FACTOR))


@blueprint.post("/app")
def confirm() -> ResponseReturnValue:
    """Turn two-step sign-in on, sign in, and show the recovery codes once."""
    pending, form = flows.opened(flows.SECOND_FACTOR), CodeForm()
    if not form.validate():
        return _render(form, pending, 422)
    try:
        enrolled = service.confirm(
            flows.subject_of(pending), form.code.data, device=sign_in_device()
        )
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form, pending, 422)
    except _NOT_ALLOWED:
        return login_code.begin_again()
    return _finish(enrolled)


@blueprint.post("/passkey/options")
def options() -> ResponseReturnValue:
    """Return the options with which the browser creates a passkey."""
    pending = flows.opened(flows.SECOND_FACTOR)
    try:
        asked = service.begin_passkey(flows.subject_of(pending), browser=browser_secret())
    except _NOT_ALLOWED:
        # The script reports any redirect as a failure; a reload of its page then explains it.
        return login_code.begin_again()
    return jsonify(asked)


@blueprint.post("/passkey")
def add_passkey() -> ResponseReturnValue:
    """Add the passkey, sign in, and show the recovery codes once."""
    pending, form = flows.opened(flows.SECOND_FACTOR), PasskeyForm()
    try:
        enrolled = service.add_passkey(
            flows.subject_of(pending),
            form.passkey.data,
            browser=browser_secret(),
            default_name=default_name(),
            device=sign_in_device(),
        )
    except InputRefused as refusal:
        form.form_errors.append(messages.for_passkey(form.passkey.data, refusal))
        return _render_choice(form, pending, 422)
    except _NOT_ALLOWED:
        return login_code.begin_again()
    return _finish(enrolled)


def _finish(enrolled: Enrolled) -> ResponseReturnValue:
    then = page_after_sign_in()
    login.sign_in_browser(enrolled.signed_in)
    return second_factors.render_codes(enrolled.codes, then=then)


def _render_choice(
    form: PasskeyForm, pending: Flow | None, status: int = 200
) -> ResponseReturnValue:
    try:
        service.require(flows.subject_of(pending))
    except (TokenRefused, NotAllowed):
        return login_code.begin_again()
    page = render_template(
        "login/enroll.html",
        form=form,
        flow=pending,
        app_url=_here("login_enroll.begin", pending),
        passkey_url=_here("login_enroll.add_passkey", pending),
    )
    return page, status


def _render(form: CodeForm, pending: Flow | None, status: int = 200) -> ResponseReturnValue:
    try:
        enrollment = service.get_enrollment(flows.subject_of(pending))
    except _NOT_ALLOWED:
        return login_code.begin_again()
    page = second_factors.render_enrollment(
        form,
        enrollment,
        action=_here("login_enroll.confirm", pending),
        cancel=url_for("login.show"),
        flow=pending,
    )
    return page, status


def _here(endpoint: str, pending: Flow | None) -> str:
    return url_for(endpoint, flow=pending.id if pending else None, next=page_after_sign_in())
