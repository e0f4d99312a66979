"""Setting a new password by an emailed link."""

from typing import Final

from flask import Blueprint, g, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from authapp.config import current_settings
from authapp.errors import InputRefused, TokenRefused, TokenRevoked, TokenUsed
from authapp.http.origin import origin
from authapp.services import account
from authapp.services import password_reset as service
from authapp.token_cache.records import VerificationTokenRecord
from authapp.web import authn, words
from authapp.web.forms import Form, email_field, password_field, show_refusal

password_reset = Blueprint("password_reset", __name__, url_prefix="/password/reset")

_LONGEST_LINK: Final = 200


class AskForm(Form):
    """The address of an account."""

    email = email_field("send")


class ChooseForm(Form):
    """A new password."""

    new_password = password_field("new-password", label=_l("New password"))


@password_reset.get("")
def show() -> ResponseReturnValue:
    """Show the form that asks for a link."""
    email = account.get_account(g.identity.user_id).email if g.identity else None
    return render_template("password_reset/ask.html", form=AskForm(data={"email": email}))


@password_reset.post("")
def submit() -> ResponseReturnValue:
    """Ask for a link; the answer is the same for every address."""
    form = AskForm()
    if not form.validate():
        return render_template("password_reset/ask.html", form=form), 422
    try:
        service.request(form.email.data, origin=origin())
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return render_template("password_reset/ask.html", form=form), 422
    session["password_reset_email"] = form.email.data.strip()
    return redirect(url_for("password_reset.sent"), 303)


@password_reset.get("/sent")
def sent() -> ResponseReturnValue:
    """Say what happens next."""
    return render_template("password_reset/sent.html", email=session.get("password_reset_email"))


@password_reset.get("/<value>")
def open_link(value: str) -> ResponseReturnValue:
    """Take the link's secret out of the address, before a page loads anything or is kept.

    It goes into the visitor's own cookie, so that no history, no Referer and no neighbour at the
    screen has it. Source: OWASP Forgot Password Cheat Sheet.
    """
    session["password_reset"] = value[:_LONGEST_LINK]
    return redirect(url_for("password_reset.choose"), 303)


@password_reset.get("/new")
def choose() -> ResponseReturnValue:
    """Show the form for the new password; opening it changes nothing, whoever opens it."""
    try:
        link = service.check(session.get("password_reset", ""))
    except TokenRefused as refusal:
        return _refused(refusal)
    return _render(ChooseForm(), link)


@password_reset.post("/new")
def reset() -> ResponseReturnValue:
    """Set the password, once; nobody is signed in by it."""
    form, value = ChooseForm(), session.get("password_reset", "")
    try:
        link = service.check(value)
        if not form.validate():
            return _render(form, link), 422
        user_id = service.reset(value, form.new_password.data, origin=origin())
    except TokenRefused as refusal:
        return _refused(refusal)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form, link), 422
    if g.identity and g.identity.user_id == user_id:
        authn.forget()
    session["password_was_reset"] = True
    return redirect(url_for("password_reset.done"), 303)


@password_reset.get("/done")
def done() -> ResponseReturnValue:
    """Say that the password is set, and where to sign in."""
    if "password_was_reset" not in session:
        return redirect(url_for("password_reset.show"))
    return render_template("password_reset/done.html")


def _render(form: ChooseForm, link: VerificationTokenRecord) -> str:
    least = current_settings().password_min_length
    return render_template("password_reset/choose.html", form=form, email=link.target, least=least)


def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    if "password_reset" not in session:
        text = words.RESET_LINK_NOT_OPENED
    elif isinstance(refusal, TokenRevoked):
        text = words.RESET_LINK_VOID
    else:
        text = words.for_link(refusal)
    was_used = isinstance(refusal, TokenUsed)
    return render_template("password_reset/refused.html", text=text, was_used=was_used), 410
