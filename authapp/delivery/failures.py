"""Why a message was not delivered.

    DeliveryFailed      not this time; it is tried again later
    ├── ServerAway      nothing can be delivered there at present
    └── Refused         never: the server says that the message's recipient is at fault

What each says is kept with the message, for the operator.
"""


class DeliveryFailed(Exception):
    """A server did not take a message; it may take it later."""


class ServerAway(DeliveryFailed):
    """A server cannot be reached, hangs or hangs up: other messages need not try now."""


class Refused(DeliveryFailed):
    """A server will not take a message, however often it is tried."""
