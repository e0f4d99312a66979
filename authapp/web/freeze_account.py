"""The page of the link in every security email: "This wasn't me"."""

from typing import Final
from uuid import UUID

from flask import Blueprint, g, render_template, session
from flask.typing import ResponseReturnValue

from authapp.errors import InputRefused, TokenRefused, TokenRevoked, TokenUsed
from authapp.http.client import client
from authapp.services import freeze_account as service
from authapp.web import authn, explanations
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.explanations import Explanation
from authapp.web.forms import Form, email_field, show_refusal

blueprint = Blueprint("freeze_account", __name__, url_prefix="/not-me")


_TAKEN_BACK: Final = Explanation(
    _l("This link is no longer valid"),
    _l("After this email was sent, the account's previous email address was restored."),
)


class FreezeAccountForm(Form):
    """The address that received the email: a mail scanner presses buttons, but cannot type it."""

    email = email_field("go", label=_l("Email address that received our email"))


@blueprint.get("/<value>")
def show(value: str) -> ResponseReturnValue:
    """Explain what the link does; opening it changes nothing."""
    service.check(value)
    return render_template("freeze_account/show.html", form=FreezeAccountForm())


@blueprint.post("/<value>")
def freeze(value: str) -> ResponseReturnValue:
    """Freeze the account; each link works once."""
    form, link = FreezeAccountForm(), service.check(value)
    try:
        if form.validate():
            frozen = service.freeze(link, form.email.data, client=client())
            return _done(frozen)
    except InputRefused as refusal:
        show_refusal(form, refusal)
    return render_template("freeze_account/show.html", form=form), 422


def _done(user_id: UUID) -> ResponseReturnValue:
    if g.identity and g.identity.user_id == user_id:
        authn.clear_session_cookies()
        session.clear()
    return render_template("freeze_account/done.html")


@blueprint.errorhandler(TokenRefused)
def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    text = _TAKEN_BACK if isinstance(refusal, TokenRevoked) else explanations.for_link(refusal)
    was_used = isinstance(refusal, TokenUsed)
    return render_template("freeze_account/refused.html", text=text, was_used=was_used), 410
