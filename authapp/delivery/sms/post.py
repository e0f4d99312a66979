"""A POST request to a service that sends text messages, and its response."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import urllib3

from authapp.config import Settings
from authapp.delivery.failures import DeliveryFailed, ServerUnavailable

_LONGEST_ANSWER: Final = 64 * 1024
_MAX_QUOTE_CHARACTERS: Final = 200
# The service rejects all messages or asks to wait: the next message would fail too.
_AWAY: Final = (401, 403, 404, 408, 429)


@dataclass(frozen=True)
class Answer:
    """A status and a JSON object, which is empty if the response contains none."""

    status: int
    document: Mapping[str, Any]

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def summary(self) -> str:
        """Return the response as text, for operators."""
        return f"{self.status} {json.dumps(self.document)}"[:_MAX_QUOTE_CHARACTERS]

    def failure(self) -> DeliveryFailed:
        """Return the error for a response without success; the message is tried again later."""
        is_away = self.status in _AWAY or self.status >= 500
        return ServerUnavailable(self.summary()) if is_away else DeliveryFailed(self.summary())


def make_pool(settings: Settings) -> urllib3.PoolManager:
    """Return connections that verify certificates and have timeouts."""
    timeout = settings.mail.delivery_timeout.total_seconds()
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=timeout, read=timeout), retries=False
    )


def post(pool: urllib3.PoolManager, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send the body without following redirects; raises ServerUnavailable without a response."""
    try:
        response = pool.request(
            "POST", url, body=body, headers=dict(headers), redirect=False, preload_content=False
        )
        content = response.read(_LONGEST_ANSWER, decode_content=True)
        if len(content) < _LONGEST_ANSWER:
            response.release_conn()
        else:
            response.close()
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise ServerUnavailable(
            f"{type(error).__name__}: {error}"[:_MAX_QUOTE_CHARACTERS]
        ) from error
    return Answer(response.status, _as_object(content))


def _as_object(content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
