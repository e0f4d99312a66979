"""The start page."""

from flask import Blueprint, current_app, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def show() -> ResponseReturnValue:
    """Redirect to the account or to sign-in; visitors see a page if TEMPLATE_FOLDER has one."""
    if g.identity:
        return redirect(url_for("account.show"))
    if current_app.extensions["brand"].has_home:
        return render_template("home/show.html")
    return redirect(url_for("login.show"))
