"""Why a message was not delivered.

    DeliveryFailed             this attempt failed; the message is tried again later
    ├── ServerUnavailable      the server accepts no messages at present
    └── Refused                permanent: the recipient or the message is rejected

The error's text is stored with the message, for operators.
"""


class DeliveryFailed(Exception):
    """A server did not accept a message, but may accept it later."""


class ServerUnavailable(DeliveryFailed):
    """A server cannot be reached, hangs or disconnects: other messages should not be tried now."""


class Refused(DeliveryFailed):
    """A message will not be accepted, no matter how often it is tried."""
