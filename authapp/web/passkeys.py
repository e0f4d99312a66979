"""The pages that list, create, rename and remove an account's passkeys."""

import base64
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, g, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms import StringField
from wtforms.validators import InputRequired

from authapp.domain.api_token_rules import NAME_CHARACTERS
from authapp.domain.devices import device
from authapp.domain.factors import second_factors as factors
from authapp.domain.factors.passkeys import are_available, site
from authapp.errors import Conflict, InputRefused, LimitReached, NotAllowed, NotFound
from authapp.http.client import client
from authapp.services import passkeys as service
from authapp.services import second_factors
from authapp.web import messages
from authapp.web.browser import browser_secret
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.forms import Form, PasskeyForm, show_refusal
from authapp.web.second_factors import render_codes

blueprint = Blueprint("passkeys", __name__, url_prefix="/account/passkeys")


class RenameForm(Form):
    """A passkey's new name."""

    name = StringField(
        _l("Name"),
        validators=[InputRequired(_l("Enter a name by which you recognize the passkey."))],
        render_kw={"maxlength": NAME_CHARACTERS, "autocomplete": "off", "enterkeyhint": "go"},
    )


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List the passkeys."""
    user_id = g.identity.user_id
    if not is_shown():
        raise NotFound("SECOND_FACTOR is off")
    return render_template(
        "passkeys/show.html",
        passkeys=service.list_passkeys(user_id),
        most=service.MOST,
        accepted=_accepted(user_id),
        is_offered=are_available() and factors.is_offered(),
    )


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """Explain passkeys, and offer to create one."""
    return render_template("passkeys/new.html", form=PasskeyForm())


@blueprint.post("/options")
def options() -> ResponseReturnValue:
    """Return the options with which the browser creates a passkey."""
    return jsonify(service.begin(g.identity.user_id, browser=browser_secret()))


@blueprint.post("/new")
def add() -> ResponseReturnValue:
    """Add the passkey, and show the recovery codes once if it is the first second factor."""
    form = PasskeyForm()
    try:
        codes = service.add(
            g.identity.user_id,
            form.passkey.data,
            browser=browser_secret(),
            default_name=default_name(),
            client=client(),
        )
    except InputRefused as refusal:
        form.form_errors.append(messages.for_passkey(form.passkey.data, refusal))
        return render_template("passkeys/new.html", form=form), 422
    except (Conflict, LimitReached):
        flash(_("Something has changed in another tab. Try again."))
        return _to_list()
    flash(_("Passkey created."))
    if codes:
        return render_codes(codes, then=url_for("passkeys.show"))
    return _to_list()


@blueprint.get("/<uuid:id>/name")
def name(id: UUID) -> ResponseReturnValue:
    """Show the form for a new name."""
    passkey = service.get_passkey(g.identity.user_id, id)
    return render_template("passkeys/rename.html", form=RenameForm(obj=passkey))


@blueprint.post("/<uuid:id>/name")
def rename(id: UUID) -> ResponseReturnValue:
    """Rename the passkey."""
    form = RenameForm()
    if not form.validate():
        return render_template("passkeys/rename.html", form=form), 422
    try:
        service.rename(g.identity.user_id, id, form.name.data)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return render_template("passkeys/rename.html", form=form), 422
    flash(_("Passkey renamed."))
    return _to_list()


@blueprint.get("/<uuid:id>/remove")
def ask(id: UUID) -> ResponseReturnValue:
    """Ask the user to confirm that the passkey should stop working."""
    overview = second_factors.overview(g.identity.user_id)
    return render_template(
        "passkeys/remove.html",
        form=Form(),
        passkey=service.get_passkey(g.identity.user_id, id),
        is_last=not overview.app_added_at
        and all(each.id == id for each in overview.usable_passkeys),
    )


@blueprint.post("/<uuid:id>/remove")
def remove(id: UUID) -> ResponseReturnValue:
    """Remove the passkey; the list then tells the browser which ones are left."""
    try:
        service.remove(g.identity.user_id, id, client=client())
    except NotAllowed:
        flash(_("Two-step sign-in is required here, so you can't remove your last passkey."))
        return _to_list()
    flash(_("Passkey removed."))
    return _to_list()


def default_name() -> str:
    """Return the name of a new passkey whose provider is unknown: that of the browser."""
    return messages.for_device(device(client().user_agent))


def is_shown() -> bool:
    """Return whether the signed-in user has passkeys, or may create one."""
    may_create = are_available() and factors.is_offered()
    return may_create or bool(service.list_passkeys(g.identity.user_id))


def _accepted(user_id: UUID) -> dict[str, Any] | None:
    """Return the argument of PublicKeyCredential.signalAllAcceptedCredentials."""
    found = service.accepted(user_id)
    if found is None:
        return None
    handle, ids = found
    return {
        "rpId": site().domain,
        "userId": _base64url(handle),
        "allAcceptedCredentialIds": [_base64url(id) for id in ids],
    }


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _to_list() -> ResponseReturnValue:
    return redirect(url_for("passkeys.show"), 303)
