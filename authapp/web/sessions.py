"""The devices where a user is signed in, and signing them out."""

from typing import Final

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.config import current_settings
from authapp.domain import sessions as service
from authapp.http.client import client
from authapp.services import sign_out
from authapp.web import authn
from authapp.web.ids import parse_id

SHOWN: Final = 50

blueprint = Blueprint("sessions", __name__, url_prefix="/account/sessions")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List the devices, the current one first."""
    found = service.list_active(g.identity.user_id, first=g.identity.session_id)
    return render_template(
        "sessions/show.html",
        sessions=found[:SHOWN],
        not_shown=len(found[SHOWN:]),
        is_active=service.is_active,
        active_within=current_settings().tokens.access_token_lifetime,
    )


@blueprint.post("")
def end() -> ResponseReturnValue:
    """Sign out one device, all but this one, or all of them."""
    match request.form.get("end", ""):
        case "others":
            sign_out.sign_out_others(g.identity, client=client())
            flash(_("All other devices have been signed out."))
        case "everywhere":
            sign_out.sign_out_everywhere(g.identity.user_id, client=client())
            authn.clear_session_cookies()
            session.clear()
            flash(_("All devices have been signed out."))
            return redirect(url_for("login.show"), 303)
        case id:
            sign_out.sign_out_device(g.identity.user_id, parse_id(id), client=client())
            flash(_("The device has been signed out."))
    return redirect(url_for("sessions.show"), 303)
