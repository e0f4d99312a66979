"""Text messages through Twilio's API for programs."""

from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

import urllib3

from authapp.config import Settings
from authapp.delivery.failures import Refused
from authapp.delivery.sms.post import make_pool, post

# Twilio's codes for a number that no second try makes better: not a number, no such mobile, a
# landline, unreachable from here, a country that is switched off, and somebody who said STOP.
_BAD_NUMBER: Final = (21211, 21214, 21217, 21265, 21401, 21407, 21408, 21610, 21612, 21614, 21635)


class Twilio:
    """An account at Twilio."""

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
        """Create a message. Twilio takes no id of ours: a second try may be a second message."""
        body = urlencode({"To": to, "Body": text, **self._sender}).encode()
        answer = post(self._pool, self._url, body=body, headers=self._headers)
        # A message that Twilio has made bears Twilio's id; anything else has said nothing.
        if answer.is_success and isinstance(answer.document.get("sid"), str):
            return
        if 400 <= answer.status < 500 and answer.document.get("code") in _BAD_NUMBER:
            raise Refused(answer.words())
        raise answer.failure()
