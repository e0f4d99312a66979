"""Verifying a phone number by a texted code."""

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import Conflict, InputRefused, TokenRefused, TooManyAttempts
from authapp.http.origin import origin
from authapp.services import account
from authapp.services import verify_phone as service
from authapp.services.phone_codes import LIFETIME
from authapp.web import words
from authapp.web.forms import CodeForm, for_now, show_refusal
from authapp.web.phone_form import PhoneForm, refuse_more

verify_phone = Blueprint("verify_phone", __name__, url_prefix="/verify/phone")


@verify_phone.get("")
def show() -> ResponseReturnValue:
    """Ask for the number, or say that it is verified."""
    if account.get_account(g.identity.user_id).phone:
        return redirect(url_for("phone.show"))
    return _render(PhoneForm())


@verify_phone.post("")
def submit() -> ResponseReturnValue:
    """Text a code to the number; the answer is the same for one that another account has."""
    form = PhoneForm()
    if not form.validate():
        return _render(form), 422
    try:
        service.begin(
            g.identity.user_id, form.phone.data, form.region.data, origin=origin(), replaces=False
        )
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form), 422
    except TooManyAttempts as refusal:
        refuse_more(form, refusal)
        return _render(form), *for_now(refusal)
    return redirect(url_for("verify_phone.enter"), 303)


@verify_phone.get("/code")
def enter() -> ResponseReturnValue:
    """Take the code."""
    return _render_code(CodeForm())


@verify_phone.post("/code")
def claim() -> ResponseReturnValue:
    """Verify the number by the code, once."""
    form = CodeForm()
    if not form.validate():
        return _render_code(form, 422)
    try:
        service.claim(g.identity.user_id, form.code.data, origin=origin())
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_code(form, 422)
    except TooManyAttempts as refusal:
        form.code.errors = [
            _("That was wrong too often.") + " " + words.for_wait(refusal.retry_after)
        ]
        return _render_code(form, *for_now(refusal))
    except TokenRefused:
        return _begin_again()
    except Conflict:
        return render_template("verify_phone/taken.html"), 409
    flash(_("Your number is verified."))
    return redirect(url_for("account.show"), 303)


@verify_phone.post("/code/again")
def send_again() -> ResponseReturnValue:
    """Text the same code once more."""
    try:
        service.send_again(g.identity.user_id, origin=origin())
    except TooManyAttempts as refusal:
        flash(_("We have sent one already.") + " " + words.for_wait(refusal.retry_after))
    except TokenRefused:
        return _begin_again()
    else:
        flash(_("Another message is on its way."))
    return redirect(url_for("verify_phone.enter"), 303)


def _render(form: PhoneForm) -> str:
    if not service.is_available():
        return render_template("verify_phone/unavailable.html")
    return render_template("verify_phone/show.html", form=form)


def _render_code(
    form: CodeForm, status: int = 200, headers: dict[str, str] | None = None
) -> ResponseReturnValue:
    try:
        pending = service.require_pending(g.identity.user_id)
    except TokenRefused:
        return _begin_again()
    page = render_template(
        "verify_phone/code.html", form=form, phone=pending.target, lifetime=LIFETIME
    )
    return page, status, headers or {}


def _begin_again() -> ResponseReturnValue:
    """Send whoever has no code that stands to where they get one, or see that it is done."""
    flash(_("No code stands: it was used, or is too old. Ask for another one."))
    return redirect(url_for("verify_phone.show"), 303)
