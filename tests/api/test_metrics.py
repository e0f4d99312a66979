"""`/metrics` reports the totals of all processes to authorized callers."""

import platform
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from authapp import clock
from authapp.domain import security_notices
from authapp.models import AuditEntry, OutboxMessage, User, db
from authapp.token_cache import token_cache
from tests.support.accounts import PASSWORD
from tests.support.audit import extend_chain, record_act, run_sql
from tests.support.on_sqlite import on_sqlite
from tests.support.second_factors import enroll
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


def test_an_audit_log_that_is_not_extended_is_reported(
    app: Flask, move_time: Callable[..., AbstractContextManager[object]]
) -> None:
    with app.app_context():
        record_act()
        extend_chain()
    before = figures(app)["authapp_audit_oldest_seconds"]

    with app.app_context():
        run_sql(update(AuditEntry).values(mac=bytes(36)))
        record_act()
        extend_chain()
    with move_time(minutes=20):
        after = figures(app)["authapp_audit_oldest_seconds"]

    assert before == 0
    assert 1200 <= after < 1260


def test_a_redis_outage_is_reported(app: Flask, redis_server: RedisServer) -> None:
    redis_server.kill()

    told = figures(app)

    assert told["authapp_cache_connected"] == told["authapp_cache_writable"] == 0


def test_a_redis_that_refuses_writes_is_reported(app: Flask, redis_server: RedisServer) -> None:
    with redis_server.client as client:
        client.config_set("maxmemory", "1")
        told = figures(app)
        client.config_set("maxmemory", "0")

    assert told["authapp_cache_connected"] == 1
    assert told["authapp_cache_writable"] == 0


def growth(app: Flask, act: Callable[[], object]) -> dict[str, float]:
    """Return the figures that an act changes, and by how much; a process adds up all its tests."""
    before = figures(app)
    act()
    return {name: now - before.get(name, 0) for name, now in figures(app).items()}


def test_requests_are_counted_by_route_status_and_time(app: Flask, client: FlaskClient) -> None:
    def act() -> None:
        for path in ("/verify/email/one", "/verify/email/another", "/nothing/here", "/healthz"):
            client.get(path)
        client.delete("/healthz")
        client.open("/healthz", method="INVENTED")

    grown = growth(app, act)

    prefix = "authapp_requests_total"
    assert grown[f"{prefix}/GET//verify/email/<value>/410"] == 2
    assert grown[f"{prefix}/GET//healthz/200"] == 1
    assert grown[f"{prefix}/(none)/(none)/404"] == 1
    assert grown[f"{prefix}/(none)/(none)/405"] == 2
    assert grown["authapp_request_seconds_count//healthz"] == 1
    assert grown["authapp_request_seconds_bucket/+Inf//healthz"] == 1
    assert 0 < grown["authapp_request_seconds_sum//healthz"] < 60
    assert not [name for name in grown if "INVENTED" in name or "another" in name]


def test_sign_ins_are_counted_by_outcome_and_reason(
    app: Flask, client: FlaskClient, user: User
) -> None:
    def act() -> None:
        for password in ("not the password", "nor this one", PASSWORD):
            client.post("/api/v1/login", json={"email": user.email, "password": password})

    grown = growth(app, act)

    assert grown["authapp_sign_ins_total/refused/credentials_refused"] == 2
    assert grown["authapp_sign_ins_total/succeeded/"] == 1
    assert grown["authapp_revocation_seconds_count"] >= 1


def test_a_sign_in_that_needs_a_second_factor_is_not_counted_as_refused(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        enroll(user.id)
    body = {"email": user.email, "password": PASSWORD}

    grown = growth(app, lambda: client.post("/api/v1/login", json=body))

    assert grown["authapp_sign_ins_total/continued/"] == 1
    assert not [name for name in grown if "/refused/" in name and grown[name]]


@pytest.mark.parametrize(
    ("setting", "value", "limit"),
    [("REQUEST_BUDGET", "1", "request_budget"), ("LIMIT_SIGN_IN", "1/1h", "sign_in")],
)
def test_limits_that_are_reached_are_counted(
    make_app: Callable[..., Flask], user: User, setting: str, value: str, limit: str
) -> None:
    app = make_app(**{"METRICS_TOKENS": TOKEN, setting: value})
    client = app.test_client()
    client.get("/.well-known/jwks.json")

    def act() -> None:
        for _ in range(3):
            client.post("/api/v1/login", json={"email": user.email, "password": "wrong"})

    assert growth(app, act)[f"authapp_limits_reached_total/{limit}"] >= 1


def test_the_state_of_the_process_is_reported(
    make_app: Callable[..., Flask], move_time: Callable[..., Any]
) -> None:
    app = make_app(METRICS_TOKENS=TOKEN, RELEASE="a1b2c3")
    with move_time(days=2):
        told = figures(app)

    assert 86_400 < told["authapp_signing_key_age_seconds"] < 4 * 86_400
    assert told["authapp_passwords_hashing"] == told["authapp_passwords_waiting"] == 0
    assert told["authapp_database_connections_allowed"] > 0
    assert told["authapp_database_available"] == 1
    assert told[f"authapp_build_info/{platform.python_version()}/a1b2c3"] == 1


def test_without_a_database_the_rest_is_reported(
    app: Flask, client: FlaskClient, lose_database: Callable[[], None]
) -> None:
    client.get("/.well-known/jwks.json")
    lose_database()

    told = figures(app)

    assert told["authapp_database_available"] == 0
    assert told["authapp_requests_total/GET//.well-known/jwks.json/200"] >= 1
    assert told["authapp_cache_connected"] == 1


@on_sqlite
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Bearer \xff\x00", "Basic eDp4"])
def test_a_request_without_the_metrics_token_is_refused(app: Flask, given: str) -> None:
    answer = app.test_client().get("/metrics", headers={"Authorization": given})

    assert answer.status_code == 401
    assert "authapp_cache" not in answer.get_data(as_text=True)


def test_the_page_does_not_exist_unless_a_token_is_configured(
    make_app: Callable[..., Flask],
) -> None:
    assert make_app().test_client().get("/metrics").status_code == 404
