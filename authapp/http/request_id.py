"""The id of the current request, which its log lines, its response and its error page share."""

import re
from typing import Final
from uuid import uuid4

from flask import request

from authapp.config import current_settings

KEY: Final = "authapp.request_id"
"""Where the environment of a request has its id, once something has asked for it."""

_ACCEPTED: Final = re.compile(r"[A-Za-z0-9_.:-]{8,128}")


def request_id() -> str:
    """Return the id that a trusted proxy sent in `X-Request-ID`, or a generated one."""
    environ = request.environ
    if KEY not in environ:
        environ[KEY] = _sent_by_proxy() or uuid4().hex
    return str(environ[KEY])


def _sent_by_proxy() -> str | None:
    sent = request.environ.get("HTTP_X_REQUEST_ID", "")
    is_trusted = current_settings().deployment.trusted_proxies > 0
    return sent if is_trusted and _ACCEPTED.fullmatch(sent) else None
