"""`/metrics` reports the totals of all processes to authorized callers."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from authapp import clock
from authapp.domain import security_notices
from authapp.models import OutboxMessage, User, db
from authapp.token_cache import token_cache
from tests.support.servers import RedisServer
from tests.token_cache.rows import add_session

TOKEN = "Wq8kPz3vLm5nRt7yXc2bHj4fDs6gAe9u"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(METRICS_TOKENS=TOKEN)


def figures(app: Flask) -> dict[str, float]:
    answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.get_data(as_text=True))
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


def test_events_counted_by_another_process_are_included(
    app: Flask, make_app: Callable[..., Flask], user: User
) -> None:
    other = make_app()
    with other.app_context():
        session_id = add_session(user.id).id
        for _ in range(4):
            token_cache.get_refresh_token_by_id(session_id)
    other.extensions["token_cache"].counters.flush()

    told = figures(app)

    # The first read finds nothing: a process writes no values before its first look at Redis.
    found = ("hit", "recall")
    assert sum(told.get(f"authapp_cache_events_total/{e}/refresh_token", 0) for e in found) == 3
    assert told["authapp_cache_connected"] == 1
    assert told["authapp_cache_epoch"] >= 1
    assert told["authapp_cache_memory_bytes"] > 0


def test_outbox_messages_are_counted_by_state(app: Flask, user: User) -> None:
    with app.test_request_context():
        for _ in range(2):
            security_notices.send(db.session.get(User, user.id), "new_device", client=None)
        db.session.commit()
        waiting, dead = db.session.scalars(db.select(OutboxMessage))
        waiting.created_at = clock.now() - timedelta(minutes=2)
        dead.dead_at = clock.now()
        db.session.commit()

    told = figures(app)

    assert told["authapp_outbox_messages/waiting"] == 1
    assert told["authapp_outbox_messages/dead"] == 1
    assert 120 <= told["authapp_outbox_oldest_seconds"] < 180


def test_a_redis_outage_is_reported(app: Flask, redis_server: RedisServer) -> None:
    redis_server.kill()

    assert figures(app)["authapp_cache_connected"] == 0


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Bearer \xff\x00", "Basic eDp4"])
def test_a_request_without_the_metrics_token_is_refused(app: Flask, given: str) -> None:
    answer = app.test_client().get("/metrics", headers={"Authorization": given})

    assert answer.status_code == 401
    assert "authapp_cache" not in answer.get_data(as_text=True)


def test_the_page_does_not_exist_unless_a_token_is_configured(
    make_app: Callable[..., Flask],
) -> None:
    assert make_app().test_client().get("/metrics").status_code == 404
