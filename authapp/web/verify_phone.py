"""Verifying a phone number with a texted code."""

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.domain.phone_codes import LIFETIME
from authapp.errors import Conflict, InputRefused, TokenRefused, TooManyAttempts
from authapp.http.client import client
from authapp.services import account
from authapp.services import verify_phone as service
from authapp.token_cache.records import VerificationTokenRecord
from authapp.web import flows, messages
from authapp.web.flows import Flow
from authapp.web.forms import CodeForm, for_now, refuse_codes, show_refusal
from authapp.web.phone_form import PhoneForm, refuse_more

blueprint = Blueprint("verify_phone", __name__, url_prefix="/verify/phone")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Ask for a number; users who have one are redirected to its page."""
    if account.get_account(g.identity.user_id).phone:
        return redirect(url_for("phone.show"))
    return _render(PhoneForm())


@blueprint.post("")
def submit() -> ResponseReturnValue:
    """Text a code to the number; the response is the same if another account has the number."""
    form = PhoneForm()
    if not form.validate():
        return _render(form), 422
    try:
        service.begin(
            g.identity.user_id, form.phone.data, form.region.data, client=client(), replaces=False
        )
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form), 422
    except TooManyAttempts as refusal:
        refuse_more(form, refusal)
        return _render(form), *for_now(refusal)
    return redirect(url_for("verify_phone.enter"), 303)


@blueprint.get("/code")
def enter() -> ResponseReturnValue:
    """Show the form for the code."""
    try:
        pending = service.require_pending(g.identity.user_id)
    except TokenRefused:
        return _begin_again()
    return _render_code(CodeForm(), pending)


@blueprint.post("/code")
def claim() -> ResponseReturnValue:
    """Verify the number with the code; each code works once."""
    form = CodeForm()
    try:
        pending = _require_shown()
        if not form.validate():
            return _render_code(form, pending, 422)
        service.claim(pending, form.code.data, client=client())
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_code(form, pending, 422)
    except TooManyAttempts as refusal:
        limited = refuse_codes(form.code, refusal, messages.ASK_SUPPORT)
        return _render_code(form, pending, *limited)
    except TokenRefused:
        return _begin_again()
    except Conflict:
        return render_template("verify_phone/taken.html"), 409
    flash(_("Your phone number is confirmed."))
    return redirect(url_for("account.show"), 303)


@blueprint.post("/code/again")
def send_again() -> ResponseReturnValue:
    """Text the same code again."""
    try:
        service.send_again(_require_shown(), client=client())
    except TooManyAttempts as refusal:
        flash(
            _("We've just sent you a text message.") + " " + messages.for_wait(refusal.retry_after)
        )
    except TokenRefused:
        return _begin_again()
    else:
        flash(_("Text message sent."))
    return redirect(url_for("verify_phone.enter"), 303)


def _render(form: PhoneForm) -> str:
    if not service.is_available():
        return render_template("verify_phone/unavailable.html")
    return render_template("verify_phone/show.html", form=form)


def _require_shown() -> VerificationTokenRecord:
    """Return the pending code; raises TokenExpired, or PageOutOfDate if its number has changed."""
    pending = service.require_pending(g.identity.user_id)
    flows.require_named(_flow(pending), again=url_for("verify_phone.enter"))
    return pending


def _flow(pending: VerificationTokenRecord) -> Flow:
    return flows.of_account(pending.user_id, "verify_phone", pending.target)


def _render_code(
    form: CodeForm,
    pending: VerificationTokenRecord,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> ResponseReturnValue:
    page = render_template(
        "verify_phone/code.html",
        form=form,
        phone=pending.target,
        lifetime=LIFETIME,
        flow=_flow(pending),
    )
    return page, status, headers or {}


def _begin_again() -> ResponseReturnValue:
    """Redirect users without a valid code to the page that sends one."""
    flash(_("That code has expired or was already used. Request a new one."))
    return redirect(url_for("verify_phone.show"), 303)
