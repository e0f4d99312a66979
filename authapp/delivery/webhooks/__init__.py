"""Webhooks: events for other programs, added to the outbox and posted to their endpoints."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from authapp import clock
from authapp.delivery import outbox
from authapp.delivery.failures import DeliveryFailed, Refused, ServerUnavailable
from authapp.delivery.sealing import Content
from authapp.delivery.webhooks.connection import post
from authapp.models import Channel, OutboxMessage
from authapp.security import webhook_signatures

LIFETIME: Final = timedelta(days=7)
"""How long an event that could not be delivered can be sent again as it is."""

_GONE: Final = 410
# The endpoint refuses this event only; others may be accepted.
_ABOUT_THE_EVENT: Final = (400, 405, 409, 413, 415, 422)


class Event(NamedTuple):
    """An event, whose id is the same for all endpoints and all attempts."""

    id: UUID
    type: str
    body: str


class Target(NamedTuple):
    """Where to send events, and the secrets that sign the requests."""

    url: str
    secrets: Sequence[bytes]


class EndpointGone(Refused):
    """The endpoint says that it wants no more events."""


def as_body(document: Any) -> str:
    """Return the body of a request."""
    return json.dumps(document, separators=(",", ":"))


def enqueue(event: Event, endpoint_id: UUID) -> None:
    """Add an event for an endpoint to the outbox, in the caller's transaction."""
    message = OutboxMessage(
        channel=Channel.WEBHOOK, recipient=str(endpoint_id), message=event.type, user_id=None
    )
    outbox.add(message, Content(subject=str(event.id), body=event.body), LIFETIME)


def send(event_id: str, body: str, target: Target) -> int:
    """Post an event to an endpoint once, and return the status of the response.

    Raises DeliveryFailed unless the status is 2xx; EndpointGone for 410.
    """
    content = body.encode()
    signed = webhook_signatures.headers(event_id, content, secrets=target.secrets, at=clock.now())
    response = post(target.url, content, {"Content-Type": "application/json", **signed})
    if 200 <= response.status < 300:
        return response.status
    summary = f"{response.status} {response.excerpt}".strip()
    if response.status == _GONE:
        raise EndpointGone(summary)
    if response.status in _ABOUT_THE_EVENT:
        raise DeliveryFailed(summary)
    raise ServerUnavailable(summary)
