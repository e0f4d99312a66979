"""`/metrics`: metrics in Prometheus format.

Processes store their counts in the database, so any of them can return the totals of all.
"""

import hmac
from collections.abc import Iterator

from flask import Blueprint, Response, abort
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from authapp.config import current_settings
from authapp.delivery import outbox
from authapp.http.credentials import bearer
from authapp.token_cache import token_cache

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def show() -> Response:
    """Return the metrics to a client with one of METRICS_TOKENS; 404 if none are configured."""
    expected, given = current_settings().deployment.metrics_tokens, bearer()
    if not expected:
        abort(404)
    if given is None or not any(_is_same(given, token) for token in expected):
        abort(401)
    registry = CollectorRegistry()
    registry.register(_Totals())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _is_same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


class _Totals(Collector):
    """Reads all figures at the time of the scrape."""

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from _of_cache()
        yield from _of_outbox()

    def describe(self) -> Iterator[Metric]:
        """Return nothing, so that registration does not read the database."""
        return iter(())


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
        ("connected", "Whether Redis answers this process.", found.connected),
        ("epoch", "The epoch in which values are sealed.", found.epoch),
        ("journal_entries", "Changes not yet applied to Redis.", found.journal_depth),
        ("memory_bytes", "Memory that Redis uses.", sum(each.used for each in found.memory)),
    ):
        yield GaugeMetricFamily(f"authapp_cache_{name}", about, value)


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
