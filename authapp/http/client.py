"""The client that sent the current request."""

import re
from typing import Final

from flask import current_app, request

from authapp.domain.client import UNKNOWN, Client, parse_address

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST_ADDRESS: Final = 80
"""Characters that are read; an IPv6 address with a port has up to 53."""

_LONGEST_USER_AGENT: Final = 400
"""Characters that the tables store."""


def client() -> Client:
    """Return the request's client, without control characters and cut to fit the tables."""
    user_agent = request.environ.get("HTTP_USER_AGENT", "")
    return Client(client_address(), _CONTROL.sub(" ", user_agent)[:_LONGEST_USER_AGENT])


def client_address() -> str:
    """Return the client's network address, or UNKNOWN if the server or the proxy sends none."""
    given = (request.environ.get("REMOTE_ADDR") or "")[:_LONGEST_ADDRESS]
    address = parse_address(given)
    if address is None:
        _warn(given)
    return address or UNKNOWN


def _warn(given: str) -> None:
    """Log the first unreadable address of this process; later ones are usually the same mistake."""
    if "unreadable_address" not in current_app.extensions:
        current_app.extensions["unreadable_address"] = given
        current_app.logger.warning(
            "%a is not the IP address of a client: all clients without one share their limits; "
            "make the proxy set X-Forwarded-For, and TRUSTED_PROXIES the number of proxies",
            given,
        )
