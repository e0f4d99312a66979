"""Text messages through Twilio's REST API."""

from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

import urllib3

from authapp.config import Settings
from authapp.delivery.failures import Refused
from authapp.delivery.sms.post import make_pool, post

# Twilio's codes for numbers that always fail: not a number, not an existing mobile, a landline,
# unreachable from the sender, in a country that is not enabled, and opted out with STOP.
_BAD_NUMBER: Final = (21211, 21214, 21217, 21265, 21401, 21407, 21408, 21610, 21612, 21614, 21635)


class Twilio:
    """A Twilio account."""

    def __init__(self, settings: Settings) -> None:
        account, sender = settings.sms.twilio_account, settings.sms.twilio_from
        self._pool = make_pool(settings)
        base = settings.sms.twilio_url.rstrip("/")
        self._url = f"{base}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"
        self._sender = {"MessagingServiceSid" if sender.startswith("MG") else "From": sender}
        self._headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            **urllib3.make_headers(basic_auth=f"{account}:{settings.sms.twilio_token}"),
        }

    def send(self, id: UUID, to: str, text: str) -> None:
        """Create a message; Twilio accepts no id, so a second attempt may send a second message."""
        body = urlencode({"To": to, "Body": text, **self._sender}).encode()
        answer = post(self._pool, self._url, body=body, headers=self._headers)
        # A message that Twilio created has Twilio's id; any other response confirms nothing.
        if answer.is_success and isinstance(answer.document.get("sid"), str):
            return
        if 400 <= answer.status < 500 and answer.document.get("code") in _BAD_NUMBER:
            raise Refused(answer.summary())
        raise answer.failure()
