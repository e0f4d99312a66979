"""Downloading everything that is stored about the signed-in user."""

from flask import Blueprint, Response, current_app, g, render_template
from flask.typing import ResponseReturnValue

from authapp.http.client import client
from authapp.services import download_data as service
from authapp.web.account import SECTIONS, Section
from authapp.web.catalogue import lazy_gettext as _l

blueprint = Blueprint("download_data", __name__, url_prefix="/account/data")

SECTIONS.append(
    Section(
        "download_data.show",
        _l("Download your data"),
        _l("Get a copy of all data we store about you."),
    )
)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Say what the file holds."""
    return render_template("download_data/show.html")


@blueprint.post("")
def download() -> ResponseReturnValue:
    """Send the file."""
    data = service.download_data(g.identity.user_id, client=client())
    return Response(
        current_app.json.dumps(data, indent=2),
        mimetype="application/json",
        headers={"Content-Disposition": "attachment; filename=my-data.json"},
    )
