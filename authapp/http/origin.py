"""Where the current request came from."""

import re
from typing import Final

from flask import request

from authapp.services.origin import Origin

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST_ADDRESS: Final = 45
"""Characters of an IPv6 address with an IPv4 address in it."""

_LONGEST_USER_AGENT: Final = 400
"""Characters that the tables keep."""


def origin() -> Origin:
    """Return where the request came from; its sender may have written anything."""
    environ = request.environ
    return Origin(
        _clean(environ.get("REMOTE_ADDR") or "")[:_LONGEST_ADDRESS],
        _clean(environ.get("HTTP_USER_AGENT", ""))[:_LONGEST_USER_AGENT],
    )


def _clean(text: str) -> str:
    return text if text.isprintable() else _CONTROL.sub(" ", text)
