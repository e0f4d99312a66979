"""Forgetting the devices on which sign-in does not ask for a code; `second_factors` lists them."""

from uuid import UUID

from flask import Blueprint, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import NotFound
from authapp.http.client import client
from authapp.services import remembered_devices as service

blueprint = Blueprint("remembered_devices", __name__, url_prefix="/account/second-factors/devices")


@blueprint.post("")
def forget() -> ResponseReturnValue:
    """Forget one device, or all of them."""
    which = request.form.get("forget", "")
    if which == "all":
        service.forget_all(g.identity.user_id, client=client())
        flash(_("We'll ask for the second step on all devices again."))
    else:
        service.forget(g.identity.user_id, _device_id(which), client=client())
        flash(_("We'll ask for the second step on that device again."))
    return redirect(url_for("second_factors.show"), 303)


def _device_id(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise NotFound("no such device") from None
