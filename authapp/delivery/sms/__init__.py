"""Text messages: rendered from templates/sms/<message>.txt into the outbox, sent by a service."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from flask import Flask, current_app, render_template

from authapp.config import DEVELOPMENT, Settings, current_settings
from authapp.delivery import outbox
from authapp.delivery.languages import of_account
from authapp.delivery.sealing import Content, OpenMessage
from authapp.delivery.sms.twilio import Twilio
from authapp.delivery.sms.webhook import Webhook
from authapp.models import Channel, OutboxMessage


class TextSender(Protocol):
    """A service that sends text messages."""

    def send(self, id: UUID, to: str, text: str) -> None:
        """Send one message; raises DeliveryFailed unless the service confirms receipt."""


_SENDERS: Final[dict[str, Callable[[Settings], TextSender]]] = {
    "twilio": Twilio,
    "webhook": Webhook,
}


def init_app(app: Flask) -> None:
    """Set up the service that SMS_SENDER selects, if any."""
    settings: Settings = app.extensions["settings"]
    chosen = settings.sms.sender
    app.extensions["text_sender"] = _SENDERS[chosen](settings) if chosen in _SENDERS else None


def can_send() -> bool:
    """Return whether text messages can be delivered; in development, the outbox page counts."""
    settings = current_settings()
    return settings.sms.sender != "none" or settings.deployment.environment == DEVELOPMENT


def enqueue(
    message: str, *, to: str, user_id: UUID | None, lifetime: timedelta, **context: Any
) -> None:
    """Add a text message to the outbox, in the caller's transaction.

    After `lifetime` it is no longer useful and is not sent.
    """
    app_name = current_settings().brand.app_name
    with of_account(user_id):
        text = render_template(f"sms/{message}.txt", app_name=app_name, **context)
    waiting = OutboxMessage(user_id=user_id, channel=Channel.SMS, recipient=to, message=message)
    outbox.add(waiting, Content(body=text.strip()), lifetime)


def send(message: OpenMessage) -> bool:
    """Send one text message; without a service, return False: it is read on the outbox page."""
    sender: TextSender | None = current_app.extensions["text_sender"]
    if sender is None:
        return False
    sender.send(message.id, message.recipient, message.body)
    return True
