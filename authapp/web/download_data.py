"""Downloading everything that is stored about the signed-in user."""

from flask import Blueprint, Response, current_app, g, render_template
from flask.typing import ResponseReturnValue

from authapp.http.client import client
from authapp.services import download_data as service

blueprint = Blueprint("download_data", __name__, url_prefix="/account/data")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Explain what the file contains."""
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
