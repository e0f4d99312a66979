"""Downloading everything that is kept about whoever is signed in."""

from flask import Blueprint, Response, current_app, g, render_template
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from authapp.http.origin import origin
from authapp.services import download_data as service
from authapp.web.account import SECTIONS, Section

download_data = Blueprint("download_data", __name__, url_prefix="/account/data")

SECTIONS.append(
    Section(
        "download_data.show",
        _l("Download your data"),
        _l("All that we keep about you, in one file."),
    )
)


@download_data.get("")
def show() -> ResponseReturnValue:
    """Say what the file holds."""
    return render_template("download_data/show.html")


@download_data.post("")
def download() -> ResponseReturnValue:
    """Send the file."""
    data = service.download_data(g.identity.user_id, origin=origin())
    return Response(
        current_app.json.dumps(data, indent=2),
        mimetype="application/json",
        headers={"Content-Disposition": "attachment; filename=my-data.json"},
    )
