"""Where the current request came from."""

import re
from typing import Final

from flask import request

from authapp.domain.client import Client

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST_ADDRESS: Final = 45
"""Characters of an IPv6 address with an IPv4 address in it."""

_LONGEST_USER_AGENT: Final = 400
"""Characters that the tables keep."""


def client() -> Client:
    """Return where the request came from; its sender may have written anything."""
    user_agent = request.environ.get("HTTP_USER_AGENT", "")
    return Client(client_address(), _CONTROL.sub(" ", user_agent)[:_LONGEST_USER_AGENT])


def client_address() -> str:
    """Return the address that the request came from."""
    return _CONTROL.sub(" ", request.environ.get("REMOTE_ADDR") or "")[:_LONGEST_ADDRESS]
