"""How each channel's messages are sent."""

from collections.abc import Iterator
from contextlib import contextmanager

from authapp.delivery import mail, sms
from authapp.delivery.deliver import Send
from authapp.delivery.sealing import OpenMessage
from authapp.models import Channel


@contextmanager
def open_senders() -> Iterator[Send]:
    """Yield a function that sends messages over their channels; all emails share one connection."""
    with mail.open_sender() as send_mail:
        senders = {Channel.MAIL: send_mail, Channel.SMS: sms.send}

        def send(message: OpenMessage) -> bool:
            return senders[Channel(message.channel)](message)

        yield send
