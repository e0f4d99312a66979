"""The account page."""

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from authapp.services import account as service

account = Blueprint("account", __name__, url_prefix="/account")


@account.get("")
def show() -> ResponseReturnValue:
    """Show the account of whoever is signed in."""
    return render_template("account/show.html", account=service.get_account(g.identity.user_id))
