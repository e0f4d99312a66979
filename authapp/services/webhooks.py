"""Endpoints of webhooks as operators manage them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import Delete, delete, func, select
from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.delivery import outbox, webhooks
from authapp.delivery.webhooks import secrets
from authapp.domain import audit, webhook_events
from authapp.errors import Conflict, InputRefused, LimitReached, NotFound
from authapp.models import AuditEntry, OutboxMessage, WebhookEndpoint, db
from authapp.models.transaction import transaction
from authapp.security import webhook_signatures
from authapp.services.audit_authenticity import genuine

MOST: Final = 20
"""Maximum number of endpoints: each has a thread in each worker."""

OVERLAP: Final = timedelta(days=1)
"""How long a replaced secret also signs requests, unless an operator says otherwise."""

_MAX_EVENTS_CHARACTERS: Final = 2000


class Health(StrEnum):
    """The state of an endpoint; authapp stops one that fails for long."""

    ACTIVE = "active"
    FAILING = "failing"
    DISABLED = "disabled"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Listed:
    """An endpoint, and how many of its events wait and could not be delivered."""

    endpoint: WebhookEndpoint
    waiting: int
    dead: int


def add(url: str, events: Sequence[str] = ()) -> tuple[UUID, str]:
    """Add an endpoint for new events of these types, or all; return its id and its secret.

    Raises InputRefused, LimitReached, or Conflict if the URL has been added before, or the audit
    log was altered.
    """
    _require_acceptable(url)
    unknown = set(events) - set(webhook_events.TYPES.values())
    chosen = " ".join(sorted(set(events)))
    if unknown or len(chosen) > _MAX_EVENTS_CHARACTERS:
        raise InputRefused("event", "unknown", events=sorted(unknown))
    id, secret = uuid4(), webhook_signatures.generate_secret()
    sealed = secrets.seal(secret, id)
    try:
        with transaction():
            if (db.session.scalar(select(func.count(WebhookEndpoint.id))) or 0) >= MOST:
                raise LimitReached(MOST)
            db.session.add(
                WebhookEndpoint(
                    id=id, url=url, events=chosen, secret_sealed=sealed, sequence=_last_sequence()
                )
            )
            # The path and the query of a URL can be secret.
            host = urlsplit(url).hostname or ""
            audit.record("webhook_endpoint_added", details={"endpoint": str(id), "host": host})
    except IntegrityError as error:
        raise Conflict("there is an endpoint with this URL already") from error
    return id, webhook_signatures.as_text(secret)


def list_all() -> list[Listed]:
    """Return every endpoint, oldest first."""
    found = db.session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.created_at))
    return [_listed(endpoint) for endpoint in found]


def health(endpoint: WebhookEndpoint) -> Health:
    """Return the state of an endpoint."""
    if endpoint.disabled_at is not None:
        return Health.STOPPED if endpoint.stopped_because else Health.DISABLED
    return Health.ACTIVE if endpoint.failing_since is None else Health.FAILING


def count_by_health() -> dict[Health, int]:
    """Return how many endpoints there are in each state."""
    states = [health(each) for each in db.session.scalars(select(WebhookEndpoint))]
    return {state: states.count(state) for state in Health}


def rotate_secret(id: UUID, *, overlap: timedelta = OVERLAP) -> str:
    """Replace the secret, and return the new one; the former one also signs for `overlap`.

    Raises NotFound.
    """
    secret = webhook_signatures.generate_secret()
    with transaction():
        # `flask keys rewrap` may be sealing the secret again.
        endpoint = require(id, for_update=True)
        endpoint.former_secret_sealed = endpoint.secret_sealed if overlap else None
        endpoint.former_until = clock.now() + overlap if overlap else None
        endpoint.secret_sealed = secrets.seal(secret, id)
    return webhook_signatures.as_text(secret)


def disable(id: UUID) -> None:
    """Send nothing to the endpoint until it is enabled; raises NotFound."""
    with transaction():
        endpoint = require(id)
        endpoint.disabled_at, endpoint.stopped_because = clock.now(), None


def enable(id: UUID, *, skip: bool = False) -> None:
    """Send events to the endpoint again, from where it was disabled unless `skip`.

    Dead events stay dead until they are replayed. Raises NotFound.
    """
    with transaction():
        endpoint = require(id)
        endpoint.disabled_at = endpoint.stopped_because = endpoint.failing_since = None
        endpoint.failures, endpoint.paused_until = 0, None
        if skip:
            endpoint.sequence = _last_sequence()
            db.session.execute(_delete_unsent(id))


def remove(id: UUID) -> None:
    """Delete an endpoint, and the events that wait for it; raises NotFound."""
    with transaction():
        # First, so that a worker that is giving it events has finished before these are deleted.
        db.session.delete(require(id, for_update=True))
        db.session.flush()
        db.session.execute(delete(OutboxMessage).where(outbox.to_endpoint(id)))


def send_test(id: UUID) -> int:
    """Post a test event at once, and return the status; raises NotFound or DeliveryFailed."""
    with transaction():
        endpoint = require(id)
        target = webhooks.Target(endpoint.url, secrets.current(endpoint))
    now = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = webhook_events.endpoint_test(uuid4(), now)
    return webhooks.send(str(event.id), event.body, target)


def require(id: UUID, *, for_update: bool = False) -> WebhookEndpoint:
    """Return an endpoint, locked until the end of the transaction if asked; raises NotFound."""
    lock = for_update or None
    endpoint = db.session.get(WebhookEndpoint, id, populate_existing=True, with_for_update=lock)
    if endpoint is None:
        raise NotFound(f"no such webhook: {id}")
    return endpoint


def _listed(endpoint: WebhookEndpoint) -> Listed:
    counts = outbox.count_unsent(outbox.to_endpoint(endpoint.id))
    return Listed(endpoint, counts[outbox.State.WAITING], counts[outbox.State.DEAD])


def _last_sequence() -> int:
    """Return the place of the last event; raises Conflict if authapp did not write that entry."""
    chained = select(AuditEntry).where(AuditEntry.sequence.is_not(None))
    last = db.session.scalars(chained.order_by(AuditEntry.sequence.desc()).limit(1)).all()
    _, refused = genuine(last)
    if refused is not None:
        raise Conflict("the last entry of the audit log is not authentic: run `flask audit verify`")
    return (last[0].sequence or 0) if last else 0


def _delete_unsent(id: UUID) -> Delete:
    return delete(OutboxMessage).where(outbox.to_endpoint(id), OutboxMessage.sent_at.is_(None))


def _require_acceptable(url: str) -> None:
    """Raise InputRefused for a URL that requests are never sent to; names are looked up later."""
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise InputRefused("url", "malformed") from None
    if not is_complete or not re.fullmatch(r"[!-~]{1,2000}", url) or "#" in url:
        raise InputRefused("url", "malformed")
    if parts.username is not None or parts.password is not None:
        raise InputRefused("url", "has_password")
    is_local = parts.scheme == "http" and _is_this_host(parts.hostname or "")
    if parts.scheme != "https" and not is_local:
        raise InputRefused("url", "not_https")


def _is_this_host(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
