"""`/dev/outbox`: messages that would have been sent; registered in development only."""

from uuid import UUID

from flask import Blueprint, Response, abort, jsonify, render_template
from flask.typing import ResponseReturnValue

from authapp.delivery import outbox
from authapp.services import email_sign_in, password_reset, verify_email

blueprint = Blueprint("dev_outbox", __name__, url_prefix="/dev")

# An email contains its own styles; everything else that it might load is blocked.
_MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups"


@blueprint.before_request
def answer_requests() -> None:
    """Do what the worker does every second, so that no message is missing here."""
    verify_email.answer_requests()
    password_reset.answer_requests()
    email_sign_in.answer_requests()


@blueprint.get("/outbox")
def show() -> ResponseReturnValue:
    """Show every message, newest first."""
    return render_template("dev_outbox/show.html", messages=outbox.list_recent())


@blueprint.get("/outbox.json")
def show_json() -> ResponseReturnValue:
    """Return every message as JSON, newest first."""
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


@blueprint.get("/outbox/<uuid:id>.html")
def show_mail(id: UUID) -> ResponseReturnValue:
    """Show an email as an email program would."""
    html = next((message.html for message in outbox.list_recent() if message.id == id), None)
    if html is None:
        abort(404)
    return Response(html, headers={"Content-Security-Policy": _MAIL_POLICY})
