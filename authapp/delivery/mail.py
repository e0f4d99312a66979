"""Mail: written from templates/email/<message>/ into the outbox, and sent by SMTP."""

from smtplib import SMTPException
from typing import Any
from uuid import UUID

from flask import current_app, render_template
from flask_mail import BadHeaderError, Mail, Message

from authapp.config import current_settings
from authapp.delivery import outbox
from authapp.delivery.outbox import DeliveryFailed
from authapp.models import Channel, OutboxMessage

mailer = Mail()


def enqueue(message: str, *, to: str, user_id: UUID | None, **context: Any) -> None:
    """Write a mail into the outbox, in the caller's transaction."""
    folder, context = f"email/{message}", {"app_name": current_settings().app_name, **context}
    subject = render_template(f"{folder}/subject.txt", **context)
    outbox.add(
        OutboxMessage(
            user_id=user_id,
            channel=Channel.MAIL,
            recipient=to,
            message=message,
            subject=" ".join(subject.split()),
            body=render_template(f"{folder}/body.txt", **context),
            html=render_template(f"{folder}/body.html", **context),
        )
    )


def send(message: OutboxMessage) -> None:
    """Send one mail; raises DeliveryFailed if the server does not take it.

    Without a server, which only development allows, the outbox page is where mail is read.
    """
    if not current_settings().mail_server:
        return
    mail = Message(
        subject=message.subject,
        recipients=[message.recipient],
        body=message.body,
        html=message.html,
        extra_headers={"Auto-Submitted": "auto-generated"},
    )
    # One id for every try, so that a second copy can be told as one.
    mail.msgId = f"<{message.id}@{_domain()}>"
    mail.date = message.created_at.timestamp()
    try:
        mailer.send(mail)
    except (SMTPException, OSError, BadHeaderError, ValueError) as error:
        raise DeliveryFailed(f"{type(error).__name__}: {error}") from error


def _domain() -> str:
    sender: str = current_app.config["MAIL_DEFAULT_SENDER"]
    return sender.rpartition("@")[2].rstrip(">")
