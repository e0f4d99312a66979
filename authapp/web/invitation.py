"""Accepting an invitation with the emailed link: choosing a password, which signs in."""

from typing import Final

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.config import current_settings
from authapp.errors import InputRefused, SecondFactorRequired, TokenRefused, TokenUsed
from authapp.services import invitations as service
from authapp.token_cache.records import VerificationTokenRecord
from authapp.web import explanations, login, opened_links
from authapp.web.browser import sign_in_device
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.flows import Flow
from authapp.web.forms import Form, password_field, show_refusal
from authapp.web.opened_links import LinkNotOpened

blueprint = Blueprint("invitation", __name__, url_prefix="/invitation")

_OPENED: Final = "invitation"


class AcceptForm(Form):
    """The password of a new account."""

    new_password = password_field("new-password", label=_l("New password"))


@blueprint.get("/<value>")
def open_link(value: str) -> ResponseReturnValue:
    """Move the link's secret from the URL to the session cookie."""
    return opened_links.open_link(_OPENED, value, "invitation.show")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the form for the password; opening it changes nothing."""
    opened = opened_links.require(_OPENED)
    return _render(AcceptForm(), service.check(opened.subject), opened)


@blueprint.post("")
def accept() -> ResponseReturnValue:
    """Set the password, and sign in; each link works once."""
    form, opened = AcceptForm(), opened_links.require(_OPENED)
    link = service.check(opened.subject)
    if not form.validate():
        return _render(form, link, opened), 422
    try:
        signed_in = service.accept(link, form.new_password.data, device=sign_in_device())
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


@blueprint.errorhandler(TokenRefused)
def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    text = explanations.INVITATION_VOID
    if isinstance(refusal, (TokenUsed, LinkNotOpened)):
        text = explanations.for_link(refusal)
    was_used = isinstance(refusal, TokenUsed)
    return render_template("invitation/refused.html", text=text, was_used=was_used), 410
