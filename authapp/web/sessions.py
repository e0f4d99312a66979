"""Where somebody is signed in, and signing out there."""

from typing import Final
from uuid import UUID

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from authapp.config import current_settings
from authapp.errors import NotFound
from authapp.http.origin import origin
from authapp.services import sessions as service
from authapp.services import sign_out
from authapp.web import authn
from authapp.web.account import SECTIONS, Section

SHOWN: Final = 50

sessions = Blueprint("sessions", __name__, url_prefix="/account/sessions")

SECTIONS.append(
    Section(
        "sessions.show",
        _l("Where you are signed in"),
        _l("Your devices, and signing out on those that you do not use."),
    )
)


@sessions.get("")
def show() -> ResponseReturnValue:
    """List the devices, the one at hand first."""
    found = service.list_standing(g.identity.user_id, first=g.identity.session_id)
    return render_template(
        "sessions/show.html",
        sessions=found[:SHOWN],
        not_shown=len(found[SHOWN:]),
        is_active=service.is_active,
        active_within=current_settings().access_token_lifetime,
    )


@sessions.post("")
def end() -> ResponseReturnValue:
    """Sign out on one device, on all but this one, or everywhere."""
    match request.form.get("end", ""):
        case "others":
            sign_out.sign_out_others(g.identity, origin=origin())
            flash(_("You are signed out everywhere but here."))
        case "everywhere":
            sign_out.sign_out_everywhere(g.identity.user_id, origin=origin())
            authn.forget()
            session.clear()
            flash(_("You are signed out everywhere."))
            return redirect(url_for("login.show"), 303)
        case id:
            sign_out.sign_out_device(g.identity.user_id, _session_id(id), origin=origin())
            flash(_("That device is signed out."))
    return redirect(url_for("sessions.show"), 303)


def _session_id(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise NotFound("no such session") from None
