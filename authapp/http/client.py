"""The client that sent the current request."""

import re
from typing import Final

import structlog
from flask import current_app, request

from authapp.domain.client import API, UNKNOWN, WEB, Client, parse_address

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST_ADDRESS: Final = 80
"""Characters that are read; an IPv6 address with a port has up to 53."""

_LONGEST_USER_AGENT: Final = 400
"""Characters that the tables store."""

log = structlog.get_logger(__name__)


def client() -> Client:
    """Return the request's client, without control characters and cut to fit the tables."""
    user_agent = request.environ.get("HTTP_USER_AGENT", "")
    id = API if request.path.startswith("/api/") else WEB
    return Client(client_address(), _CONTROL.sub(" ", user_agent)[:_LONGEST_USER_AGENT], id)


def client_address() -> str:
    """Return the client's network address, or UNKNOWN if the server or the proxy sends none."""
    given = request.environ.get("REMOTE_ADDR") or ""
    address = parse_address(given[:_LONGEST_ADDRESS])
    if address is None:
        _warn_once()
    return address or UNKNOWN


def _warn_once() -> None:
    """Log the first unreadable address of this process; later ones have the same cause."""
    if "unreadable_address" not in current_app.extensions:
        current_app.extensions["unreadable_address"] = True
        log.warning("client_address_unreadable")
