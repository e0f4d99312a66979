"""Verifying an email address."""

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import Conflict, InputRefused, TokenRefused, TokenUsed, TooManyAttempts
from authapp.http.client import client
from authapp.services import account
from authapp.services import verify_email as service
from authapp.services.account import Account
from authapp.services.open_link import open_link
from authapp.web import flows, messages
from authapp.web.browser import browser_secret, visitor
from authapp.web.flows import Flow
from authapp.web.forms import CodeForm, show_refusal

blueprint = Blueprint("verify_email", __name__, url_prefix="/verify/email")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the status of the verification, and a form for the code."""
    shown = _account()
    return _render_standing(CodeForm(), shown, _flow(shown))


@blueprint.post("")
def send_again() -> ResponseReturnValue:
    """Send another link to the signed-in user."""
    try:
        service.send_again(g.identity.user_id, browser=browser_secret())
    except Conflict:
        flash(_("Your email address is already confirmed."))
    except TooManyAttempts as refusal:
        flash(_("We've just sent you an email.") + " " + messages.for_wait(refusal.retry_after))
    else:
        flash(_("Email sent."))
    return redirect(url_for("verify_email.show"), 303)


@blueprint.post("/code")
def claim_by_code() -> ResponseReturnValue:
    """Verify the address by the code, in the browser that requested it."""
    form, shown = CodeForm(), _account()
    flow = flows.require_named(_flow(shown), again=url_for("verify_email.show"))
    if not form.validate():
        return _render_standing(form, shown, flow), 422
    try:
        service.claim_by_code(visitor(), flow.subject, form.code.data, client=client())
    except TokenRefused as refusal:
        return _refused(refusal)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_standing(form, shown, flow), 422
    return render_template("verify_email/done.html")


@blueprint.get("/<value>")
def confirm(value: str) -> ResponseReturnValue:
    """Show the button, or in another browser the code form; neither changes the account."""
    try:
        is_recognized = open_link(value, service.TYPE, visitor(), client=client())
    except TokenRefused as refusal:
        return _refused(refusal)
    if is_recognized:
        return render_template("verify_email/confirm.html")
    return _render_elsewhere(CodeForm())


@blueprint.post("/<value>")
def claim(value: str) -> ResponseReturnValue:
    """Verify the address; each link works once."""
    form = CodeForm()
    try:
        service.claim(value, visitor(), form.code.data or "", client=client())
    except TokenRefused as refusal:
        return _refused(refusal)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_elsewhere(form), 422
    return render_template("verify_email/done.html")


def _account() -> Account | None:
    return account.get_account(g.identity.user_id) if g.identity else None


def _flow(shown: Account | None) -> Flow | None:
    """Return the flow whose subject is the address that received the code."""
    if shown is None:
        return flows.opened(flows.REGISTERED)
    return flows.of_account(shown.id, "verify_email", shown.email)


def _render_standing(form: CodeForm, shown: Account | None, flow: Flow | None) -> str:
    if shown is None:
        email = flow.subject if flow else None
        return render_template("verify_email/sent.html", form=form, email=email, flow=flow)
    return render_template("verify_email/show.html", form=form, account=shown, flow=flow)


def _render_elsewhere(form: CodeForm) -> str:
    return render_template("verify_email/elsewhere.html", form=form)


def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    page = render_template(
        "verify_email/refused.html",
        text=messages.for_link(refusal),
        was_used=isinstance(refusal, TokenUsed),
    )
    return page, 410
