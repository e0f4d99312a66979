"""Emails: rendered from templates/email/<message>/ into the outbox, and sent by SMTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import formataddr, parseaddr
from typing import Any, NamedTuple
from uuid import UUID

from flask import render_template
from flask_mail import BadHeaderError, Message

from authapp.config import current_settings
from authapp.delivery import outbox
from authapp.delivery.deliver import Send
from authapp.delivery.failures import Refused
from authapp.delivery.languages import of_account
from authapp.delivery.sealing import Content, OpenMessage
from authapp.delivery.smtp import Mailer
from authapp.models import Channel, OutboxMessage
from authapp.security.domain_names import ascii_address

mailer = Mailer()


class Draft(NamedTuple):
    """A rendered email that has no recipient yet."""

    message: str
    content: Content


def enqueue(
    message: str,
    *,
    to: str,
    user_id: UUID | None,
    lifetime: timedelta = outbox.LIFETIME,
    **context: Any,
) -> None:
    """Add an email to the outbox, in the caller's transaction.

    After `lifetime` it is no longer useful and is not sent: pass the lifetime of its link.
    """
    draft = compose(message, user_id=user_id, **context)
    enqueue_draft(draft, to=to, user_id=user_id, lifetime=lifetime)


def compose(message: str, *, user_id: UUID | None, **context: Any) -> Draft:
    """Render an email for any recipient, in the language of an account."""
    folder, context = f"email/{message}", {"app_name": current_settings().brand.app_name, **context}
    with of_account(user_id):
        subject = render_template(f"{folder}/subject.txt", **context)
        body = render_template("email/layout.txt", folder=folder, **context)
        content = Content(
            subject=" ".join(subject.split()),
            body=body,
            html=render_template(f"{folder}/body.html", preheader=_first_lines(body), **context),
        )
    return Draft(message, content)


def enqueue_draft(
    draft: Draft, *, to: str, user_id: UUID | None, lifetime: timedelta = outbox.LIFETIME
) -> None:
    """Add a rendered email to the outbox, in the caller's transaction."""
    mail = OutboxMessage(user_id=user_id, channel=Channel.MAIL, recipient=to, message=draft.message)
    outbox.add(mail, draft.content, lifetime)


@contextmanager
def open_sender() -> Iterator[Send]:
    """Yield a function that sends emails over one connection.

    Without a server, which only development allows, emails are read on the outbox page.
    """
    with mailer.connect() as connection:

        def send(message: OpenMessage) -> bool:
            if not current_settings().mail.server:
                return False
            try:
                connection.deliver(_as_mail(message))
            except (BadHeaderError, ValueError) as error:
                raise Refused(f"cannot be sent as an email: {error or 'bad header'}") from error
            return True

        yield send


def _first_lines(body: str) -> str:
    """Return what lists of emails show below the subject: the first paragraph."""
    return " ".join(body.strip().partition("\n\n")[0].split())


def _as_mail(message: OpenMessage) -> Message:
    """Return the email, with the header that automatic messages must have (RFC 3834).

    It has no List-Unsubscribe, because it is about the recipient's own account.
    """
    sender = _sender()
    mail = Message(
        subject=message.subject,
        sender=formataddr(sender),
        recipients=[ascii_address(message.recipient)],
        body=message.body,
        html=message.html,
        reply_to=_reply_to(),
        extra_headers={"Auto-Submitted": "auto-generated"},
        date=message.created_at.timestamp(),
    )
    # The same id for every attempt, so that a second copy is recognized.
    mail.msgId = f"<{message.id}@{sender[1].rpartition('@')[2]}>"
    return mail


def _sender() -> tuple[str, str]:
    """Return the sender's name and address; the name is APP_NAME unless the setting has another."""
    settings = current_settings()
    name, address = parseaddr(settings.mail.default_sender)
    return name or settings.brand.app_name, ascii_address(address)


def _reply_to() -> str | None:
    """Return the support address if it is an email address and not a URL."""
    support: str = current_settings().brand.support_address
    return support if support and "://" not in support else None
