"""The client that sent the current request."""

import re
from typing import Final

from flask import request

from authapp.domain.client import Client

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST_ADDRESS: Final = 45
"""Characters in an IPv6 address that contains an IPv4 address."""

_LONGEST_USER_AGENT: Final = 400
"""Characters that the tables store."""


def client() -> Client:
    """Return the request's client, without control characters and cut to fit the tables."""
    user_agent = request.environ.get("HTTP_USER_AGENT", "")
    return Client(client_address(), _CONTROL.sub(" ", user_agent)[:_LONGEST_USER_AGENT])


def client_address() -> str:
    """Return the client's network address."""
    return _CONTROL.sub(" ", request.environ.get("REMOTE_ADDR") or "")[:_LONGEST_ADDRESS]
