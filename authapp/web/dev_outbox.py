"""`/dev/outbox`: what would have been sent; registered in development only."""

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue

from authapp.delivery import outbox

dev_outbox = Blueprint("dev_outbox", __name__, url_prefix="/dev")


@dev_outbox.get("/outbox")
def show() -> ResponseReturnValue:
    """Show every message, newest first."""
    return render_template("dev_outbox/show.html", messages=outbox.list_recent())


@dev_outbox.get("/outbox.json")
def show_json() -> ResponseReturnValue:
    """Give every message to a program, newest first."""
    return jsonify(
        [
            {
                "id": str(message.id),
                "channel": message.channel,
                "to": message.recipient,
                "subject": message.subject,
                "body": message.body,
                "created_at": message.created_at.isoformat(),
            }
            for message in outbox.list_recent()
        ]
    )
