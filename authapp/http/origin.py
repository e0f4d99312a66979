"""Where the request at hand came from."""

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
    """Return where the request came from; whoever sent it may have written anything."""
    return Origin(
        _CONTROL.sub(" ", request.remote_addr or "")[:_LONGEST_ADDRESS],
        _CONTROL.sub(" ", request.user_agent.string)[:_LONGEST_USER_AGENT],
    )
