"""Changing and removing a phone number that is verified."""

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import Conflict, InputRefused, TooManyAttempts
from authapp.http.origin import origin
from authapp.services import account, verify_phone
from authapp.services import phone as service
from authapp.web.forms import for_now, show_refusal
from authapp.web.phone_form import PhoneForm, refuse_more

phone = Blueprint("phone", __name__, url_prefix="/account/phone")


@phone.get("")
def show() -> ResponseReturnValue:
    """Show the number, and what can be done with it."""
    return _render(PhoneForm(), 200)


@phone.post("")
def change() -> ResponseReturnValue:
    """Text a code to the new number; the present one stays until the code has come back."""
    form = PhoneForm()
    if not form.validate():
        return _render(form, 422)
    try:
        verify_phone.begin(
            g.identity.user_id, form.phone.data, form.region.data, origin=origin(), replaces=True
        )
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form, 422)
    except TooManyAttempts as refusal:
        refuse_more(form, refusal)
        return _render(form, *for_now(refusal))
    return redirect(url_for("verify_phone.enter"), 303)


@phone.post("/remove")
def remove() -> ResponseReturnValue:
    """Take the number away."""
    try:
        service.remove(g.identity.user_id, origin=origin())
    except Conflict:
        flash(_("There is no number any more."))
    else:
        flash(_("Your number is removed."))
    return redirect(url_for("account.show"), 303)


def _render(
    form: PhoneForm, status: int, headers: dict[str, str] | None = None
) -> ResponseReturnValue:
    number = account.get_account(g.identity.user_id).phone
    if number is None:
        return redirect(url_for("verify_phone.show"))
    page = render_template(
        "phone/show.html", form=form, phone=number, can_change=verify_phone.is_available()
    )
    return page, status, headers or {}
