"""Text messages through the operator's own program, which receives signed requests.

The signature follows Standard Webhooks. docs/operation.md says what the program must check, and how
it must respond.
"""

import json
from typing import Final
from uuid import UUID

from authapp import clock
from authapp.config import Settings
from authapp.delivery.failures import Refused
from authapp.delivery.sms.post import make_pool, post
from authapp.security import webhook_signatures

_BAD_NUMBER: Final = 422


class Webhook:
    """A program that accepts text messages at a URL."""

    def __init__(self, settings: Settings) -> None:
        self._pool = make_pool(settings)
        self._url = settings.sms.webhook_url
        self._key = settings.sms.webhook_secret

    def send(self, id: UUID, to: str, text: str) -> None:
        """Send one message; `id` is the same for every attempt."""
        body = json.dumps({"type": "sms.send", "id": str(id), "to": to, "text": text}).encode()
        answer = post(self._pool, self._url, body=body, headers=self._headers(id, body))
        if answer.status == _BAD_NUMBER and answer.document.get("error") == "bad_number":
            raise Refused(answer.summary())
        if not answer.is_success:
            raise answer.failure()

    def _headers(self, id: UUID, body: bytes) -> dict[str, str]:
        signed = webhook_signatures.headers(str(id), body, secrets=[self._key], at=clock.now())
        return {"Content-Type": "application/json", **signed}
