"""How strong a password is, while it is being typed; forms work without it."""

from typing import Final

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.services import account
from authapp.services import passwords as service
from authapp.web import words

passwords = Blueprint("passwords", __name__, url_prefix="/password")

_REFUSED_SCORE: Final = 1


@passwords.post("/strength")
def strength() -> ResponseReturnValue:
    """Weigh the password of the form at hand; nothing of it is kept."""
    typed = request.form.get("password", "")
    if g.identity:
        context = [account.get_account(g.identity.user_id).email]
    else:
        context = [request.form.get("email", "")[:320]]
    weighed = service.strength(typed, field="password", context=context)
    if weighed.refusal is None:
        text = _("This password is hard to guess.")
    else:
        text = words.for_input(weighed.refusal)
    # What will be refused never looks strong.
    shown = min(weighed.score, _REFUSED_SCORE) if weighed.refusal else weighed.score
    return jsonify(score=shown, text=text)
