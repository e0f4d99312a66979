"""What an operator does by command, for tests that reach the application by HTTP only."""

from flask import Blueprint, Flask

from authapp.services import invitations

blueprint = Blueprint("operator", __name__, url_prefix="/operator")


def add_operator(app: Flask) -> None:
    """Add a path for each act."""
    app.register_blueprint(blueprint)


@blueprint.get("/invite/<email>")
def invite(email: str) -> str:
    return str(invitations.invite(email))
