"""Accepting an invitation with the emailed link: choosing a password, which signs in."""

from typing import Final

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.config import current_settings
from authapp.errors import InputRefused, SecondFactorRequired, TokenRefused, TokenUsed
from authapp.services import invitations as service
from authapp.token_cache.records import VerificationTokenRecord
from authapp.web import explanations, flows, login
from authapp.web.browser import sign_in_device
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.flows import Flow
from authapp.web.forms import Form, password_field, show_refusal

blueprint = Blueprint("invitation", __name__, url_prefix="/invitation")

_LONGEST_LINK: Final = 200
_OPENED: Final = "invitation"


class AcceptForm(Form):
    """The password of a new account."""

    new_password = password_field("new-password", label=_l("New password"))


@blueprint.get("/<value>")
def open_link(value: str) -> ResponseReturnValue:
    """Move the link's secret from the URL to the session cookie, as for a password reset."""
    flow = flows.start(_OPENED, value[:_LONGEST_LINK])
    return redirect(url_for("invitation.show", flow=flow), 303)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the form for the password; opening it changes nothing."""
    opened = flows.opened(_OPENED)
    if opened is None:
        return _render_refused(explanations.RESET_LINK_NOT_OPENED)
    try:
        link = service.check(opened.subject)
    except TokenRefused as refusal:
        return _refused(refusal)
    return _render(AcceptForm(), link, opened)


@blueprint.post("")
def accept() -> ResponseReturnValue:
    """Set the password, and sign in; each link works once."""
    form, opened = AcceptForm(), flows.opened(_OPENED)
    if opened is None:
        return _render_refused(explanations.RESET_LINK_NOT_OPENED)
    try:
        link = service.check(opened.subject)
        if not form.validate():
            return _render(form, link, opened), 422
        signed_in = service.accept(
            link,
            form.new_password.data,
            device=sign_in_device(),
        )
    except TokenRefused as refusal:
        return _refused(refusal)
    except SecondFactorRequired as required:
        return login.ask_for_factor(required)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form, link, opened), 422
    return login.finish(signed_in, _("Welcome! Your account is ready."))


def _render(form: AcceptForm, link: VerificationTokenRecord, opened: Flow) -> str:
    least = current_settings().accounts.password_min_length
    return render_template(
        "invitation/show.html", form=form, email=link.target, least=least, flow=opened
    )


def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    if isinstance(refusal, TokenUsed):
        return _render_refused(explanations.for_link(refusal), was_used=True)
    return _render_refused(explanations.INVITATION_VOID)


def _render_refused(
    text: explanations.Explanation, *, was_used: bool = False
) -> ResponseReturnValue:
    return render_template("invitation/refused.html", text=text, was_used=was_used), 410
