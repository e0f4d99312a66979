"""Rates a password while the user types it; forms also work without this."""

from typing import Final

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.domain import passwords as service
from authapp.domain.email_addresses import MAX_CHARACTERS
from authapp.services import account
from authapp.web import messages

blueprint = Blueprint("passwords", __name__, url_prefix="/password")

_REFUSED_SCORE: Final = 1


@blueprint.post("/strength")
def strength() -> ResponseReturnValue:
    """Rate the form's password; nothing is stored."""
    typed = request.form.get("password", "")
    if g.identity:
        context = [account.get_account(g.identity.user_id).email]
    else:
        context = [request.form.get("email", "")[:MAX_CHARACTERS]]
    weighed = service.strength(typed, field="password", context=context)
    text = messages.for_input(weighed.refusal) if weighed.refusal else _("Strong password.")
    # A password that will be refused must not look strong.
    shown = min(weighed.score, _REFUSED_SCORE) if weighed.refusal else weighed.score
    return jsonify(score=shown, text=text)
