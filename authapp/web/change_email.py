"""Changing an account's email address."""

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import Conflict, InputRefused, TokenRefused, TokenUsed, TooManyAttempts
from authapp.http.client import client
from authapp.services import account
from authapp.services import change_email as service
from authapp.services.open_link import open_link
from authapp.token_cache.records import VerificationTokenRecord
from authapp.web import explanations, flows, messages
from authapp.web.browser import browser_secret, visitor
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.flows import Flow
from authapp.web.forms import CodeForm, Form, email_field, refuse_codes, show_refusal

blueprint = Blueprint("change_email", __name__, url_prefix="/account/email")


class ChangeEmailForm(Form):
    """The new address."""

    email = email_field("send", _l("New email address"))


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the form, and the status of a pending change."""
    return _render(ChangeEmailForm(), CodeForm(), _pending())


@blueprint.post("")
def submit() -> ResponseReturnValue:
    """Request the change; the response is the same whether or not the address is taken."""
    form = ChangeEmailForm()
    if not form.validate():
        return _render(form, CodeForm(formdata=None), _pending()), 422
    try:
        service.request(
            g.identity.user_id, form.email.data, browser=browser_secret(), client=client()
        )
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form, CodeForm(formdata=None), _pending()), 422
    flash(_("Email sent."))
    return redirect(url_for("change_email.show"), 303)


@blueprint.get("/code")
def enter() -> ResponseReturnValue:
    """Redirect to the page with the form whose address this is."""
    return redirect(url_for("change_email.show"))


@blueprint.post("/code")
def claim_by_code() -> ResponseReturnValue:
    """Change the signed-in user's address with the code from the email."""
    form, pending = CodeForm(), _pending()
    if pending is None:
        raise flows.PageOutOfDate(url_for("change_email.show"))
    flows.require_named(_flow(pending), again=url_for("change_email.show"))
    try:
        if form.validate():
            service.claim_by_code(pending, visitor(), form.code.data, client=client())
            return render_template("change_email/done.html")
    except InputRefused as refusal:
        show_refusal(form, refusal)
    except TooManyAttempts as refusal:
        limited = refuse_codes(form.code, refusal, messages.LINK_HERE)
        return _render(ChangeEmailForm(formdata=None), form, pending), *limited
    return _render(ChangeEmailForm(formdata=None), form, pending), 422


@blueprint.get("/<value>")
def confirm(value: str) -> ResponseReturnValue:
    """Show the button, or in another browser the code form; neither changes the account."""
    if open_link(value, service.TYPE, visitor(), client=client()):
        return render_template("change_email/confirm.html")
    return render_template("change_email/elsewhere.html", form=CodeForm())


@blueprint.post("/<value>")
def claim(value: str) -> ResponseReturnValue:
    """Change the address; each link works once."""
    form = CodeForm()
    try:
        service.claim(value, visitor(), form.code.data or "", client=client())
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return render_template("change_email/elsewhere.html", form=form), 422
    except TooManyAttempts as refusal:
        limited = refuse_codes(form.code, refusal, messages.LINK_WHERE_SIGNED_IN)
        return render_template("change_email/elsewhere.html", form=form), *limited
    return render_template("change_email/done.html")


def _pending() -> VerificationTokenRecord | None:
    return service.get_pending(g.identity.user_id)


def _flow(pending: VerificationTokenRecord) -> Flow:
    return flows.of_account(pending.user_id, "change_email", pending.target)


def _render(
    form: ChangeEmailForm, code_form: CodeForm, pending: VerificationTokenRecord | None
) -> str:
    return render_template(
        "change_email/show.html",
        form=form,
        code_form=code_form,
        account=account.get_account(g.identity.user_id),
        pending=pending.target if pending else None,
        flow=_flow(pending) if pending else None,
    )


@blueprint.errorhandler(TokenRefused)
@blueprint.errorhandler(Conflict)
def _refused(refusal: TokenRefused | Conflict) -> ResponseReturnValue:
    if isinstance(refusal, Conflict):
        text, status = explanations.ADDRESS_TAKEN, 409
    else:
        text, status = explanations.for_link(refusal), 410
    was_used = isinstance(refusal, TokenUsed)
    return render_template("change_email/refused.html", text=text, was_used=was_used), status
