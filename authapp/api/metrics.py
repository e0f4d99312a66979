"""`/metrics`: metrics in Prometheus format.

What a server counts is added up over its own processes (`authapp.metrics`). The cache's events and
the outbox are in the database, so any process returns the totals of all servers; without the
database, the rest is still returned.
"""

import hmac
import platform
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, abort
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from authapp import clock, metrics
from authapp.api.openapi import METRICS, TEXT, described
from authapp.config import current_settings
from authapp.delivery import outbox
from authapp.domain import signing_keys
from authapp.errors import Unavailable
from authapp.http.credentials import bearer
from authapp.http.request_metrics import request_metrics
from authapp.models import KeyState, db
from authapp.models.outage import database_outage
from authapp.services import audit_chain, webhooks
from authapp.token_cache import token_cache

blueprint = Blueprint("metrics", __name__)

_AWAY: Final = (SQLAlchemyError, Unavailable)


@blueprint.get("/metrics")
@described(
    returns={HTTPStatus.OK: None},
    security=[{METRICS: []}],
    errors=[HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND],
    media=TEXT,
)
def show() -> Response:
    """Return the metrics to a client with one of METRICS_TOKENS; 404 if none are configured."""
    expected, given = current_settings().deployment.metrics_tokens, bearer()
    if not expected:
        abort(404)
    if given is None or not any(_is_same(given, token) for token in expected):
        abort(401)
    request_metrics.publish()
    registry = CollectorRegistry()
    registry.register(_Collected())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _is_same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


class _Collected(Collector):
    """Reads all figures at the time of the scrape."""

    def collect(self) -> Iterator[Metric]:
        """Yield every metric that is available."""
        yield from metrics.counted()
        yield _build()
        yield from _of_redis()
        yield from _of_signing_key()
        yield from _of_database()

    def describe(self) -> Iterator[Metric]:
        """Return nothing, so that registration does not read the database."""
        return iter(())


def _build() -> Metric:
    release = current_settings().deployment.release
    values = {"release": release, "python": platform.python_version()}
    return InfoMetricFamily("authapp_build", "What is running.", values)


def _of_redis() -> Iterator[Metric]:
    found = token_cache.redis_statistics()
    for name, about, value in (
        ("connected", "Whether Redis answers this process.", found.connected),
        ("writable", "Whether Redis accepts writes.", found.writable),
        ("memory_bytes", "Memory that Redis uses.", sum(each.used for each in found.memory)),
    ):
        yield GaugeMetricFamily(f"authapp_cache_{name}", about, value)


def _of_signing_key() -> Iterator[Metric]:
    """Yield the age of the active key, if the cache or the database can tell."""
    try:
        active = [key for key in signing_keys.published() if key.state == KeyState.ACTIVE]
    except _AWAY:
        return
    for key in active:
        age = clock.now() - (key.activated_at or key.created_at)
        yield GaugeMetricFamily(
            "authapp_signing_key_age_seconds",
            "How long the active signing key has been signing.",
            age.total_seconds(),
        )


def _of_database() -> Iterator[Metric]:
    """Yield what is counted in the database, if it answers."""
    try:
        found = [*_of_cache(), *_of_marks(), *_of_outbox(), *_of_webhooks(), *_of_audit()]
    except _AWAY as error:
        database_outage.note(error)
        db.rollback()
        found = []
    yield GaugeMetricFamily(
        "authapp_database_available", "Whether the database answers this process.", bool(found)
    )
    yield from found


def _of_cache() -> Iterator[Metric]:
    found = token_cache.statistics()
    events = CounterMetricFamily(
        "authapp_cache_events", "Events in the token cache.", labels=["event", "kind"]
    )
    for event, kinds in found.counts.items():
        for kind, total in kinds.items():
            events.add_metric([event, kind], total)
    yield events
    for name, about, value in (
        ("epoch", "The epoch in which values are sealed.", found.epoch),
        ("journal_entries", "Changes not yet applied to Redis.", found.journal_depth),
    ):
        yield GaugeMetricFamily(f"authapp_cache_{name}", about, value)


def _of_marks() -> Iterator[Metric]:
    """Yield how much older the database is than Redis, if Redis can tell."""
    lag = token_cache.database_lag()
    if lag is not None:
        yield GaugeMetricFamily(
            "authapp_database_behind_redis_seconds",
            "How much older the database is than Redis; above 0 if it was restored.",
            lag.total_seconds(),
        )


def _of_outbox() -> Iterator[Metric]:
    messages = GaugeMetricFamily(
        "authapp_outbox_messages", "Unsent messages by state.", labels=["state"]
    )
    for state, number in outbox.count_unsent().items():
        messages.add_metric([state], number)
    yield messages
    waits = GaugeMetricFamily(
        "authapp_outbox_oldest_seconds", "How long the oldest waiting message has waited."
    )
    waits.add_metric([], outbox.longest_wait().total_seconds())
    yield waits


def _of_audit() -> Iterator[Metric]:
    waits = GaugeMetricFamily(
        "authapp_audit_oldest_seconds",
        "How long the oldest entry of the audit log that is not in its chain has waited.",
    )
    waits.add_metric([], audit_chain.longest_wait().total_seconds())
    yield waits


def _of_webhooks() -> Iterator[Metric]:
    endpoints = GaugeMetricFamily(
        "authapp_webhook_endpoints", "Endpoints of webhooks by state.", labels=["state"]
    )
    for health, number in webhooks.count_by_health().items():
        endpoints.add_metric([health], number)
    yield endpoints
    events = GaugeMetricFamily(
        "authapp_webhook_events", "Events that endpoints have not accepted.", labels=["state"]
    )
    for state, number in outbox.count_unsent(outbox.TO_PROGRAMS).items():
        events.add_metric([state], number)
    yield events
    waits = GaugeMetricFamily(
        "authapp_webhook_oldest_seconds", "How long the oldest waiting event has waited."
    )
    waits.add_metric([], outbox.longest_wait(outbox.TO_PROGRAMS).total_seconds())
    yield waits
