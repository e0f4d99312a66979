"""Changing an account's e-mail address."""

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from authapp.errors import Conflict, InputRefused, TokenRefused, TokenUsed
from authapp.http.origin import origin
from authapp.services import account
from authapp.services import change_email as service
from authapp.web import words
from authapp.web.account import SECTIONS, Section
from authapp.web.browser import browser_secret, opener
from authapp.web.forms import CodeForm, Form, email_field, show_refusal

change_email = Blueprint("change_email", __name__, url_prefix="/account/email")

SECTIONS.append(
    Section("change_email.show", _l("E-mail address"), _l("Change where our mail goes."))
)


class ChangeEmailForm(Form):
    """The new address."""

    email = email_field("send", _l("New e-mail address"))


@change_email.get("")
def show() -> ResponseReturnValue:
    """Show the form, and where a change stands."""
    return _render(ChangeEmailForm(), CodeForm())


@change_email.post("")
def submit() -> ResponseReturnValue:
    """Ask for the change; the answer is the same whether or not somebody has the address."""
    form = ChangeEmailForm()
    if not form.validate():
        return _render(form, CodeForm(formdata=None)), 422
    try:
        service.request(
            g.identity.user_id, form.email.data, browser=browser_secret(), origin=origin()
        )
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form, CodeForm(formdata=None)), 422
    flash(_("A message is on its way."))
    return redirect(url_for("change_email.show"), 303)


@change_email.post("/code")
def claim_by_code() -> ResponseReturnValue:
    """Put the new address in place by the code, for whoever is signed in."""
    form = CodeForm()
    try:
        if form.validate():
            service.claim_by_code(opener(), form.code.data, origin=origin())
            return render_template("change_email/done.html")
    except (TokenRefused, Conflict) as refusal:
        return _refused(refusal)
    except InputRefused as refusal:
        show_refusal(form, refusal)
    return _render(ChangeEmailForm(formdata=None), form), 422


@change_email.get("/<value>")
def confirm(value: str) -> ResponseReturnValue:
    """Show the button, or elsewhere ask for the code; neither changes the account."""
    try:
        is_at_home = service.open_link(value, opener(), origin=origin())
    except TokenRefused as refusal:
        return _refused(refusal)
    if is_at_home:
        return render_template("change_email/confirm.html")
    return render_template("change_email/elsewhere.html", form=CodeForm())


@change_email.post("/<value>")
def claim(value: str) -> ResponseReturnValue:
    """Put the new address in place, once."""
    form = CodeForm()
    try:
        service.claim(value, opener(), form.code.data or "", origin=origin())
    except (TokenRefused, Conflict) as refusal:
        return _refused(refusal)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return render_template("change_email/elsewhere.html", form=form), 422
    return render_template("change_email/done.html")


def _render(form: ChangeEmailForm, code_form: CodeForm) -> str:
    return render_template(
        "change_email/show.html",
        form=form,
        code_form=code_form,
        account=account.get_account(g.identity.user_id),
        pending=service.pending(g.identity.user_id),
    )


def _refused(refusal: TokenRefused | Conflict) -> ResponseReturnValue:
    is_taken = isinstance(refusal, Conflict)
    page = render_template(
        "change_email/refused.html",
        text=words.ADDRESS_TAKEN if isinstance(refusal, Conflict) else words.for_link(refusal),
        was_used=isinstance(refusal, TokenUsed),
    )
    return page, 409 if is_taken else 410
