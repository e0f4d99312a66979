"""Mail: written from templates/email/<message>/ into the outbox, and sent by SMTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import formataddr, parseaddr
from typing import Any
from uuid import UUID

from flask import render_template
from flask_mail import BadHeaderError, Message

from authapp.config import current_settings
from authapp.delivery import outbox
from authapp.delivery.deliver import Send
from authapp.delivery.failures import Refused
from authapp.delivery.smtp import Mailer
from authapp.models import Channel, OutboxMessage

mailer = Mailer()


def enqueue(
    message: str,
    *,
    to: str,
    user_id: UUID | None,
    lifetime: timedelta = outbox.LIFETIME,
    **context: Any,
) -> None:
    """Write a mail into the outbox, in the caller's transaction.

    After `lifetime` it is of no use any more and is not sent: give it the lifetime of its link.
    """
    folder, context = f"email/{message}", {"app_name": current_settings().brand.app_name, **context}
    subject = render_template(f"{folder}/subject.txt", **context)
    mail = OutboxMessage(
        user_id=user_id,
        channel=Channel.MAIL,
        recipient=to,
        message=message,
        subject=" ".join(subject.split()),
        body=render_template("email/layout.txt", folder=folder, **context),
        html=render_template(f"{folder}/body.html", **context),
    )
    outbox.add(mail, lifetime)


@contextmanager
def open_sender() -> Iterator[Send]:
    """Yield what sends a mail, over one connection.

    Without a server, which only development allows, the outbox page is where mail is read.
    """
    with mailer.connect() as connection:

        def send(message: OutboxMessage) -> bool:
            if not current_settings().mail.server:
                return False
            try:
                connection.deliver(_as_mail(message))
            except (BadHeaderError, ValueError) as error:
                raise Refused(f"cannot be written as mail: {error or 'a bad header'}") from error
            return True

        yield send


def _as_mail(message: OutboxMessage) -> Message:
    """Write the mail with the headers that an automatic message owes (RFC 3834).

    No List-Unsubscribe: each is about the reader's own account, and none is sent to a list.
    """
    sender = _sender()
    mail = Message(
        subject=message.subject,
        sender=formataddr(sender),
        recipients=[message.recipient],
        body=message.body,
        html=message.html,
        reply_to=_reply_to(),
        extra_headers={"Auto-Submitted": "auto-generated"},
        date=message.created_at.timestamp(),
    )
    # One id for every try, so that a second copy can be told as one.
    mail.msgId = f"<{message.id}@{sender[1].rpartition('@')[2]}>"
    return mail


def _sender() -> tuple[str, str]:
    """Return who writes: the product, unless the setting gives another name."""
    settings = current_settings()
    name, address = parseaddr(settings.mail.default_sender)
    return name or settings.brand.app_name, address


def _reply_to() -> str | None:
    """Return where people are helped, if that is reached by mail."""
    support: str = current_settings().brand.support_address
    return support if support and "://" not in support else None
