"""Changing and removing a verified phone number."""

from contextlib import suppress

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import Conflict, InputRefused, TooManyAttempts
from authapp.http.client import client
from authapp.services import account, verify_phone
from authapp.services import phone as service
from authapp.web import flows
from authapp.web.flows import Flow
from authapp.web.forms import Form, for_now, show_refusal
from authapp.web.phone_form import PhoneForm, refuse_more

blueprint = Blueprint("phone", __name__, url_prefix="/account/phone")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the number, with the forms that change and remove it."""
    return _render(PhoneForm(), 200)


@blueprint.post("")
def change() -> ResponseReturnValue:
    """Text a code to the new number; the current one stays until the code is entered."""
    form = PhoneForm()
    if not form.validate():
        return _render(form, 422)
    try:
        verify_phone.begin(
            g.identity.user_id, form.phone.data, form.region.data, client=client(), replaces=True
        )
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form, 422)
    except TooManyAttempts as refusal:
        refuse_more(form, refusal)
        return _render(form, *for_now(refusal))
    return redirect(url_for("verify_phone.enter"), 303)


@blueprint.get("/remove")
def ask_to_remove() -> ResponseReturnValue:
    """Ask the user to confirm that the number should be removed."""
    number = account.get_account(g.identity.user_id).phone
    if number is None:
        return redirect(url_for("verify_phone.show"))
    return render_template("phone/remove.html", form=Form(), phone=number, flow=_flow(number))


@blueprint.post("/remove")
def remove() -> ResponseReturnValue:
    """Remove the number."""
    number = account.get_account(g.identity.user_id).phone
    if number is not None:
        flows.require_named(_flow(number), again=url_for("phone.show"))
    # Another tab may have removed it already.
    with suppress(Conflict):
        service.remove(g.identity.user_id, client=client())
    flash(_("Phone number removed."))
    return redirect(url_for("account.show"), 303)


def _flow(number: str) -> Flow:
    return flows.of_account(g.identity.user_id, "phone", number)


def _render(
    form: PhoneForm, status: int, headers: dict[str, str] | None = None
) -> ResponseReturnValue:
    number = account.get_account(g.identity.user_id).phone
    if number is None:
        return redirect(url_for("verify_phone.show"))
    page = render_template(
        "phone/show.html",
        form=form,
        phone=number,
        can_change=verify_phone.is_available(),
    )
    return page, status, headers or {}
