"""Queues events from the audit log for each endpoint, and delivers them, for the worker."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import or_, select, update

from authapp import clock
from authapp.delivery import outbox, webhooks
from authapp.delivery.deliver import Outcome, deliver_due
from authapp.delivery.failures import DeliveryFailed, ServerUnavailable
from authapp.delivery.sealing import OpenMessage
from authapp.delivery.webhooks import EndpointGone, Target, secrets
from authapp.domain import audit, webhook_events
from authapp.errors import Conflict, NotFound
from authapp.models import AuditEntry, WebhookEndpoint, db
from authapp.models.transaction import transaction
from authapp.security.sealing import SealBroken
from authapp.services import audit_authenticity, audit_chain
from authapp.services.webhooks import require

STOP_AFTER: Final = timedelta(days=5)
"""An endpoint is stopped if no request has succeeded for this long ..."""

STOP_FAILURES: Final = 20
"""... and at least this many have failed."""

_FIRST_PAUSE: Final = timedelta(seconds=2)
_LONGEST_PAUSE: Final = timedelta(minutes=5)

_BATCH: Final = 200

log = structlog.get_logger(__name__)


def active_endpoints() -> list[UUID]:
    """Return the ids of the endpoints that are not disabled."""
    is_enabled = WebhookEndpoint.disabled_at.is_(None)
    with transaction():
        return list(db.session.scalars(select(WebhookEndpoint.id).where(is_enabled)))


def ready_endpoints() -> list[UUID]:
    """Return the ids of the endpoints to which something is due, unless they have a pause."""
    goes_on = or_(
        WebhookEndpoint.paused_until.is_(None), WebhookEndpoint.paused_until <= clock.now()
    )
    active = select(WebhookEndpoint.id).where(WebhookEndpoint.disabled_at.is_(None), goes_on)
    with transaction():
        found = db.session.scalars(active).all()
        return [id for id in found if outbox.has_due(outbox.to_endpoint(id))]


def give_new_events() -> int:
    """Add the next events to the outbox, for each endpoint that wants them.

    Returns how many entries endpoints were given, so that there may be more until it is 0: one
    call takes a batch for each, so that none waits for an endpoint that has missed a year.
    """
    return sum(_give_next(endpoint_id) for endpoint_id in active_endpoints())


def replay(endpoint_id: UUID, since: timedelta) -> int:
    """Add the events of a recent period to the outbox once more, and return how many.

    Raises NotFound, or Conflict if an entry of the audit log is not genuine.
    """
    begin, given, vouched = clock.now() - since, 0, None
    with transaction():
        before = require(endpoint_id).sequence + 1
    while True:
        with transaction():
            page = _page_before(before)
            entries, refused = audit_authenticity.genuine(page, vouched)
            if refused is not None:
                raise Conflict(f"entry {refused.sequence} of the audit log was altered")
            recent = [each for each in entries if each.at >= begin]
            given += _enqueue(require(endpoint_id, for_update=True), recent)
        if not recent:
            return given
        before, vouched = page[0].sequence or 0, page[0].previous_hash


def replay_dead(endpoint_id: UUID) -> int:
    """Try again what could not be delivered to an endpoint; return how many; raises NotFound."""
    with transaction():
        require(endpoint_id)
    return outbox.retry_dead(outbox.to_endpoint(endpoint_id))


def deliver(endpoint_id: UUID) -> Iterator[Outcome]:
    """Post the events that are due to an endpoint; yield the outcome of each.

    After a failure that is not about one event, the endpoint has a pause, which grows each time.
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
            _note_failure(endpoint_id, failures.pop())
        yield outcome


def _give_next(endpoint_id: UUID) -> int:
    with transaction():
        # Usually there are none, and an UPDATE would make SQLite's other writers wait.
        endpoint = db.session.get(WebhookEndpoint, endpoint_id, populate_existing=True)
        if endpoint is None or endpoint.disabled_at is not None:
            return 0
        entries, refused = audit_authenticity.genuine(_entries_after(endpoint.sequence))
        number = _give(endpoint, entries) if entries else 0
        if refused is not None:
            audit_chain.note_altered(refused)
        return number


def _give(endpoint: WebhookEndpoint, entries: list[AuditEntry]) -> int:
    """Give an endpoint these entries, unless another worker did; return how many there are."""
    is_unchanged, last = WebhookEndpoint.sequence == endpoint.sequence, entries[-1].sequence
    if not _update(endpoint.id, is_unchanged, sequence=last):
        return 0
    _enqueue(endpoint, entries)
    return len(entries)


def _entries_after(sequence: int) -> list[AuditEntry]:
    found = select(AuditEntry).where(AuditEntry.sequence > sequence)
    return list(db.session.scalars(found.order_by(AuditEntry.sequence).limit(_BATCH)))


def _page_before(sequence: int) -> list[AuditEntry]:
    found = select(AuditEntry).where(AuditEntry.sequence < sequence)
    page = db.session.scalars(found.order_by(AuditEntry.sequence.desc()).limit(_BATCH))
    return list(reversed(page.all()))


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
            _update(endpoint_id, failing_since=None, failures=0, paused_until=None)


def _note_failure(endpoint_id: UUID, failure: DeliveryFailed) -> None:
    """Count a failure, and stop an endpoint that has failed for long, or wants no more events."""
    now = clock.now()
    with transaction():
        endpoint = db.session.get(WebhookEndpoint, endpoint_id, populate_existing=True)
        if endpoint is None or endpoint.disabled_at is not None:
            return
        since, failures = endpoint.failing_since or now, endpoint.failures + 1
        until = now + _pause(failures) if isinstance(failure, ServerUnavailable) else None
        _update(endpoint_id, failing_since=since, failures=failures, paused_until=until)
        fails_for_long = since <= now - STOP_AFTER and failures >= STOP_FAILURES
        is_gone = isinstance(failure, EndpointGone)
        if not (is_gone or fails_for_long):
            return
        reason = "gone" if is_gone else "failing"
        _update(endpoint_id, disabled_at=now, stopped_because=reason)
        details = {"endpoint": str(endpoint_id), "reason": reason}
        audit.record("webhook_endpoint_stopped", details=details)
    log.error("webhook_endpoint_stopped", endpoint_id=endpoint_id, reason=reason)


def _pause(failures: int) -> timedelta:
    # A power of more would be too long to represent.
    return min(_FIRST_PAUSE * (1 << min(failures - 1, 20)), _LONGEST_PAUSE)


def _update(endpoint_id: UUID, *conditions: Any, **values: Any) -> bool:
    changed = db.session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, *conditions)
        .values(**values)
        .returning(WebhookEndpoint.id)
        .execution_options(synchronize_session=False)
    )
    return changed.one_or_none() is not None
