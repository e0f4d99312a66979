"""Verifying an e-mail address."""

from flask import Blueprint, flash, g, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import Conflict, InputRefused, TokenRefused, TokenUsed, TooManyAttempts
from authapp.http.origin import origin
from authapp.services import account
from authapp.services import verify_email as service
from authapp.web import words
from authapp.web.browser import browser_secret, opener
from authapp.web.forms import CodeForm, show_refusal

verify_email = Blueprint("verify_email", __name__, url_prefix="/verify/email")


@verify_email.get("")
def show() -> ResponseReturnValue:
    """Show where the verification stands, and take the code."""
    return _render_standing(CodeForm())


@verify_email.post("")
def send_again() -> ResponseReturnValue:
    """Send another link to whoever is signed in."""
    try:
        service.send_again(g.identity.user_id, browser=browser_secret())
    except Conflict:
        flash(_("Your address is verified already."))
    except TooManyAttempts as refusal:
        flash(_("We have sent one already.") + " " + words.for_wait(refusal.retry_after))
    else:
        flash(_("Another message is on its way."))
    return redirect(url_for("verify_email.show"), 303)


@verify_email.post("/code")
def claim_by_code() -> ResponseReturnValue:
    """Verify the address by the code, where it was asked for."""
    form = CodeForm()
    if not form.validate():
        return _render_standing(form), 422
    email = session.get("registered_email", "")
    try:
        service.claim_by_code(opener(), email, form.code.data, origin=origin())
    except TokenRefused as refusal:
        return _refused(refusal)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_standing(form), 422
    return render_template("verify_email/done.html")


@verify_email.get("/<value>")
def confirm(value: str) -> ResponseReturnValue:
    """Show the button, or elsewhere ask for the code; neither changes the account."""
    try:
        is_at_home = service.open_link(value, opener(), origin=origin())
    except TokenRefused as refusal:
        return _refused(refusal)
    if is_at_home:
        return render_template("verify_email/confirm.html")
    return _render_elsewhere(CodeForm())


@verify_email.post("/<value>")
def claim(value: str) -> ResponseReturnValue:
    """Verify the address, once."""
    form = CodeForm()
    try:
        service.claim(value, opener(), form.code.data or "", origin=origin())
    except TokenRefused as refusal:
        return _refused(refusal)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_elsewhere(form), 422
    return render_template("verify_email/done.html")


def _render_standing(form: CodeForm) -> str:
    if g.identity is None:
        email = session.get("registered_email")
        return render_template("verify_email/sent.html", form=form, email=email)
    return render_template(
        "verify_email/show.html", form=form, account=account.get_account(g.identity.user_id)
    )


def _render_elsewhere(form: CodeForm) -> str:
    return render_template("verify_email/elsewhere.html", form=form)


def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    page = render_template(
        "verify_email/refused.html",
        text=words.for_link(refusal),
        was_used=isinstance(refusal, TokenUsed),
    )
    return page, 410
