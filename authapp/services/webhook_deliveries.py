"""Queues events from the audit log for each endpoint, and delivers them, for the worker."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import select, update

from authapp import clock
from authapp.delivery import outbox, webhooks
from authapp.delivery.deliver import Outcome, deliver_due
from authapp.delivery.failures import DeliveryFailed, ServerUnavailable
from authapp.delivery.sealing import OpenMessage
from authapp.delivery.webhooks import EndpointGone, Target, secrets
from authapp.domain import audit, webhook_events
from authapp.errors import NotFound
from authapp.models import AuditEntry, WebhookEndpoint, db
from authapp.models.transaction import transaction
from authapp.security.sealing import SealBroken
from authapp.services.webhooks import require

STOP_AFTER: Final = timedelta(days=5)
"""An endpoint is stopped if no request has succeeded for this long ..."""

STOP_FAILURES: Final = 20
"""... and at least this many have failed."""

_BATCH: Final = 200

log = structlog.get_logger(__name__)


def active_endpoints() -> list[UUID]:
    """Return the ids of the endpoints that are not disabled."""
    is_enabled = WebhookEndpoint.disabled_at.is_(None)
    with transaction():
        return list(db.session.scalars(select(WebhookEndpoint.id).where(is_enabled)))


def give_new_events() -> int:
    """Add the new events to the outbox, for each endpoint that wants them; return how many."""
    return sum(_give_all(endpoint_id) for endpoint_id in active_endpoints())


def replay(endpoint_id: UUID, since: timedelta) -> int:
    """Add the events of a recent period to the outbox once more, and return how many.

    Raises NotFound.
    """
    begin, given = clock.now() - since, 0
    with transaction():
        before = require(endpoint_id).sequence + 1
    while True:
        with transaction():
            entries = _entries_before(before, begin)
            given += _enqueue(require(endpoint_id), entries)
        if not entries:
            return given
        before = entries[0].sequence or 0


def replay_dead(endpoint_id: UUID) -> int:
    """Try again what could not be delivered to an endpoint; return how many; raises NotFound."""
    with transaction():
        require(endpoint_id)
    return outbox.retry_dead(outbox.to_endpoint(endpoint_id))


def deliver(endpoint_id: UUID) -> Iterator[Outcome]:
    """Post the events that are due to an endpoint; yield the outcome of each.

    After a failure that is not about one event, the rest waits for the next call.
    """
    failures: list[DeliveryFailed] = []

    def send(message: OpenMessage) -> bool:
        try:
            webhooks.send(message.subject, message.body, _target(endpoint_id))
        except DeliveryFailed as error:
            failures.append(error)
            raise
        return True

    for outcome in deliver_due(send, outbox.to_endpoint(endpoint_id)):
        if outcome is Outcome.SENT:
            _note_success(endpoint_id)
        while failures:
            is_gone = isinstance(failures.pop(), EndpointGone)
            _note_failure(endpoint_id, is_gone=is_gone)
        yield outcome


def _give_all(endpoint_id: UUID) -> int:
    given = 0
    while True:
        with transaction():
            number = _give(endpoint_id)
        if number is None:
            return given
        given += number


def _give(endpoint_id: UUID) -> int | None:
    """Queue the next entries for an endpoint, in the caller's transaction.

    Returns how many events were queued, or None if this worker has nothing more to queue.
    """
    endpoint = db.session.get(WebhookEndpoint, endpoint_id, populate_existing=True)
    if endpoint is None or endpoint.disabled_at is not None:
        return None
    seen, entries = endpoint.sequence, _entries_after(endpoint.sequence)
    # Usually there are none, and an UPDATE would make SQLite's other writers wait.
    if not entries:
        return None
    # Another worker may have queued the same entries.
    claimed = _update(endpoint_id, WebhookEndpoint.sequence == seen, sequence=entries[-1].sequence)
    return _enqueue(endpoint, entries) if claimed else None


def _entries_after(sequence: int) -> list[AuditEntry]:
    found = select(AuditEntry).where(AuditEntry.sequence > sequence)
    return list(db.session.scalars(found.order_by(AuditEntry.sequence).limit(_BATCH)))


def _entries_before(sequence: int, begin: datetime) -> list[AuditEntry]:
    """Return the entries before a place that are not older than a time, oldest first."""
    found = select(AuditEntry).where(AuditEntry.sequence < sequence)
    page = db.session.scalars(found.order_by(AuditEntry.sequence.desc()).limit(_BATCH)).all()
    return [each for each in reversed(page) if each.at >= begin]


def _enqueue(endpoint: WebhookEndpoint, entries: list[AuditEntry]) -> int:
    events = [event for each in entries if (event := webhook_events.of_entry(each)) is not None]
    chosen = [event for event in events if webhook_events.matches(event.type, endpoint.events)]
    for event in chosen:
        webhooks.enqueue(event, endpoint.id)
    return len(chosen)


def _target(endpoint_id: UUID) -> Target:
    """Return where to send an event; no transaction is open while it is sent.

    Raises ServerUnavailable if the endpoint was disabled or removed, or its secret cannot be
    opened.
    """
    try:
        with transaction():
            endpoint = require(endpoint_id)
            if endpoint.disabled_at is not None:
                raise ServerUnavailable("the endpoint is disabled")
            return Target(endpoint.url, secrets.current(endpoint))
    except NotFound as error:
        raise ServerUnavailable("the endpoint was removed") from error
    except SealBroken as error:
        # During a rolling restart, other processes may have a key that this one lacks.
        reason = f"KEY_ENCRYPTION_KEYS cannot open the endpoint's secret: {error}"
        raise ServerUnavailable(reason) from error


def _note_success(endpoint_id: UUID) -> None:
    failed = select(WebhookEndpoint.id).where(
        WebhookEndpoint.id == endpoint_id, WebhookEndpoint.failures > 0
    )
    with transaction():
        if db.session.scalar(failed) is not None:
            _update(endpoint_id, failing_since=None, failures=0)


def _note_failure(endpoint_id: UUID, *, is_gone: bool) -> None:
    """Count a failure, and stop an endpoint that has failed for long, or wants no more events."""
    now = clock.now()
    with transaction():
        endpoint = db.session.get(WebhookEndpoint, endpoint_id, populate_existing=True)
        if endpoint is None or endpoint.disabled_at is not None:
            return
        since, failures = endpoint.failing_since or now, endpoint.failures + 1
        _update(endpoint_id, failing_since=since, failures=failures)
        fails_for_long = since <= now - STOP_AFTER and failures >= STOP_FAILURES
        if not (is_gone or fails_for_long):
            return
        reason = "gone" if is_gone else "failing"
        _update(endpoint_id, disabled_at=now, stopped_because=reason)
        details = {"endpoint": str(endpoint_id), "reason": reason}
        audit.record("webhook_endpoint_stopped", details=details)
    log.error("webhook_endpoint_stopped", endpoint_id=endpoint_id, reason=reason)


def _update(endpoint_id: UUID, *conditions: Any, **values: Any) -> bool:
    changed = db.session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, *conditions)
        .values(**values)
        .returning(WebhookEndpoint.id)
        .execution_options(synchronize_session=False)
    )
    return changed.one_or_none() is not None
