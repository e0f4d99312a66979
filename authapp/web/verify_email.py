"""Verifying an e-mail address."""

from flask import Blueprint, flash, g, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import Conflict, TokenRefused, TokenUsed
from authapp.http.origin import origin
from authapp.services import account
from authapp.services import verify_email as service
from authapp.web import words

verify_email = Blueprint("verify_email", __name__, url_prefix="/verify/email")


@verify_email.get("")
def show() -> ResponseReturnValue:
    """Show where the verification stands."""
    if g.identity is None:
        return render_template("verify_email/sent.html", email=session.get("registered_email"))
    return render_template(
        "verify_email/show.html", account=account.get_account(g.identity.user_id)
    )


@verify_email.post("")
def send_again() -> ResponseReturnValue:
    """Send another link to whoever is signed in."""
    try:
        service.send_again(g.identity.user_id)
    except Conflict:
        flash(_("Your address is verified already."))
    else:
        flash(_("Another link is on its way."))
    return redirect(url_for("verify_email.show"), 303)


@verify_email.get("/<value>")
def confirm(value: str) -> ResponseReturnValue:
    """Show the button; opening the link changes nothing, whoever opens it."""
    try:
        service.check(value)
    except TokenRefused as refusal:
        return _refused(refusal)
    return render_template("verify_email/confirm.html")


@verify_email.post("/<value>")
def claim(value: str) -> ResponseReturnValue:
    """Verify the address, once."""
    try:
        service.claim(value, origin=origin())
    except TokenRefused as refusal:
        return _refused(refusal)
    return render_template("verify_email/done.html")


def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    page = render_template(
        "verify_email/refused.html",
        text=words.for_link(refusal),
        was_used=isinstance(refusal, TokenUsed),
    )
    return page, 410
