"""Forgetting the devices on which sign-in does not ask for a code; `second_factors` lists them."""

from flask import Blueprint, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.http.client import client
from authapp.services import remembered_devices as service
from authapp.web.ids import parse_id

blueprint = Blueprint("remembered_devices", __name__, url_prefix="/account/second-factors/devices")


@blueprint.post("")
def forget() -> ResponseReturnValue:
    """Forget one device, or all of them."""
    which = request.form.get("forget", "")
    if which == "all":
        service.forget_all(g.identity.user_id, client=client())
        flash(_("We'll ask for the second step on all devices again."))
    else:
        service.forget(g.identity.user_id, parse_id(which), client=client())
        flash(_("We'll ask for the second step on that device again."))
    return redirect(url_for("second_factors.show"), 303)
