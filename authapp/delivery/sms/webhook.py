"""Text messages through the operator's own program, which receives signed requests.

The signature follows Standard Webhooks. docs/operation.md says what the program must check, and how
it must respond.
"""

import base64
import hmac
import json
from typing import Final
from uuid import UUID

from authapp import clock
from authapp.config import Settings
from authapp.delivery.failures import Refused
from authapp.delivery.sms.post import make_pool, post

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
        timestamp = int(clock.now().timestamp())
        signed = f"{id}.{timestamp}.".encode() + body
        signature = base64.b64encode(hmac.digest(self._key, signed, "sha256")).decode()
        return {
            "Content-Type": "application/json",
            "webhook-id": str(id),
            "webhook-timestamp": str(timestamp),
            "webhook-signature": f"v1,{signature}",
        }
