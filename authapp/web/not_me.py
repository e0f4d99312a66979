"""The page behind the link of every security mail: "This was not me"."""

from typing import Final
from uuid import UUID

from flask import Blueprint, g, render_template, session
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from authapp.errors import InputRefused, TokenRefused, TokenRevoked, TokenUsed
from authapp.http.origin import origin
from authapp.services import not_me as service
from authapp.web import authn, words
from authapp.web.forms import Form, email_field, show_refusal
from authapp.web.words import Explanation

not_me = Blueprint("not_me", __name__, url_prefix="/not-me")


_TAKEN_BACK: Final = Explanation(
    _l("This link counts no more"),
    _l("After this mail was sent, the account was given back to an address that it had before."),
)


class NotMeForm(Form):
    """The address that the mail came to: a program that presses every button does not type it."""

    email = email_field("go", label=_l("The e-mail address that our mail came to"))


@not_me.get("/<value>")
def show(value: str) -> ResponseReturnValue:
    """Say what would happen; opening the link changes nothing, whoever opens it."""
    try:
        service.check(value)
    except TokenRefused as refusal:
        return _refused(refusal)
    return render_template("not_me/show.html", form=NotMeForm())


@not_me.post("/<value>")
def freeze(value: str) -> ResponseReturnValue:
    """Freeze the account, once."""
    form = NotMeForm()
    try:
        service.check(value)
        if form.validate():
            frozen = service.freeze(value, form.email.data, origin=origin())
            return _done(frozen)
    except TokenRefused as refusal:
        return _refused(refusal)
    except InputRefused as refusal:
        show_refusal(form, refusal)
    return render_template("not_me/show.html", form=form), 422


def _done(user_id: UUID) -> ResponseReturnValue:
    if g.identity and g.identity.user_id == user_id:
        authn.forget()
        session.clear()
    return render_template("not_me/done.html")


def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    text = _TAKEN_BACK if isinstance(refusal, TokenRevoked) else words.for_link(refusal)
    was_used = isinstance(refusal, TokenUsed)
    return render_template("not_me/refused.html", text=text, was_used=was_used), 410
