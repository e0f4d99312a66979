"""The start page."""

from flask import Blueprint, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def show() -> ResponseReturnValue:
    """Show the start page; redirect signed-in users to their account."""
    if g.identity:
        return redirect(url_for("account.show"))
    return render_template("home/show.html")
