"""The account page, and what it leads to."""

from typing import Any, Final, NamedTuple

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from authapp.services import account as service


class Section(NamedTuple):
    """A page of the account: where it is, what it is called, and what one does there."""

    endpoint: str
    name: Any
    about: Any


# In the order in which the account page lists them.
SECTIONS: Final[list[Section]] = []

account = Blueprint("account", __name__, url_prefix="/account")


@account.get("")
def show() -> ResponseReturnValue:
    """Show the account of whoever is signed in."""
    return render_template(
        "account/show.html",
        account=service.get_account(g.identity.user_id),
    )
