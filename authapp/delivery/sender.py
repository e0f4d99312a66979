"""How each channel's messages are sent."""

from authapp.delivery import mail
from authapp.models import Channel, OutboxMessage


def send(message: OutboxMessage) -> None:
    """Send a message over its channel; raises DeliveryFailed if it was not taken."""
    senders = {Channel.MAIL: mail.send}
    senders[Channel(message.channel)](message)
