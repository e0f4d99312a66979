"""`flask webhooks`, and the worker that is killed while it sends an event."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from standardwebhooks.webhooks import Webhook

from authapp import ROOT
from authapp.delivery import outbox
from authapp.delivery.outbox import State
from authapp.domain import audit
from authapp.models import AuditEntry, User, db
from authapp.models.transaction import transaction
from authapp.services import keys, users, webhook_deliveries, webhooks
from tests.support.audit import extend_chain
from tests.support.http_service import HTTPService
from tests.support.waiting import PATIENCE_SECONDS, wait_until

LOCAL = {"WEBHOOK_NETWORKS": "127.0.0.0/8", "DELIVERY_TIMEOUT": "60"}
NEW_KEY = "bmV3IGtleSBlbmNyeXB0aW9uIGtleSBvZiAzMiBieXQ="


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(**LOCAL)


@pytest.fixture
def service() -> Iterator[HTTPService]:
    service = HTTPService()
    yield service
    service.close()


def run(app: Flask, *arguments: str, code: int = 0) -> str:
    ended = app.test_cli_runner().invoke(args=["webhooks", *arguments])
    assert ended.exit_code == code, ended.output
    return ended.output


def add(app: Flask, url: str, *options: str) -> tuple[str, str]:
    """Add an endpoint, and return its id and secret, as printed."""
    printed = run(app, "add", url, *options)
    found = re.fullmatch(r"id: +(\S+)\nsecret: (whsec_\S+)\n", printed)
    assert found is not None
    return found[1], found[2]


def work(app: Flask) -> str:
    ended = app.test_cli_runner().invoke(args=["outbox", "run", "--once"])
    assert ended.exit_code == 0, ended.output
    return ended.output


def happen(app: Flask) -> None:
    with app.app_context(), transaction():
        audit.record("account_disabled", account_id=UUID(int=5))


def test_an_event_arrives_and_its_secret_verifies_it(
    app: Flask, service: HTTPService, user: User
) -> None:
    _, secret = add(app, service.url, "--event", "account.disabled")
    with app.app_context():
        users.disable(user.id)

    assert work(app).endswith("webhooks tried: 1, sent: 1\n")

    (request,) = service.requests
    event = Webhook(secret).verify(request.body, request.headers)
    assert event["data"]["account_id"] == str(user.id)


def test_the_secret_is_shown_once(app: Flask, service: HTTPService) -> None:
    id, secret = add(app, service.url)

    for command in (["list"], ["list", "--json"], ["deliveries", id], ["test", id]):
        assert secret not in run(app, *command)
    with app.app_context():
        found = db.session.scalars(db.select(AuditEntry)).all()
    assert secret not in str([each.details for each in found])


def test_the_audit_log_says_which_endpoint_was_added_without_its_path(
    app: Flask, service: HTTPService
) -> None:
    id, _ = add(app, f"{service.url}/path?key=value")

    with app.app_context():
        found = db.session.scalars(db.select(AuditEntry).order_by(AuditEntry.at)).all()
    assert [each.details for each in found] == [
        {"command": "webhooks add"},
        {"endpoint": id, "host": urlsplit(service.url).hostname},
    ]
    assert found[1].actor.startswith("operator:")


def test_endpoints_are_listed_with_their_state(app: Flask, service: HTTPService) -> None:
    assert run(app, "list") == "there are no endpoints\n"
    id, _ = add(app, service.url, "--event", "account.deleted", "--event", "account.disabled")
    service.answer = lambda _request: (500, b"out of \x1b[31morder")
    happen(app)
    work(app)

    (listed,) = json.loads(run(app, "list", "--json"))
    assert listed.pop("failing_since")
    assert listed == {
        "id": id,
        "url": service.url,
        "events": ["account.deleted", "account.disabled"],
        "state": "failing",
        "waiting": 1,
        "dead": 0,
    }
    assert "failing" in run(app, "list")
    assert "500 out of [31morder" in run(app, "deliveries", id)
    (delivery,) = json.loads(run(app, "deliveries", id, "--state", "waiting", "--json"))
    assert (delivery["message"], delivery["attempts"]) == ("account.disabled", 1)
    # Messages to people are listed elsewhere.
    listed = app.test_cli_runner().invoke(args=["outbox", "list"]).output
    assert listed == "no messages are waiting or dead\n"


def test_an_endpoint_is_tried(app: Flask, service: HTTPService) -> None:
    id, secret = add(app, service.url)

    assert run(app, "test", id) == "accepted: 200\n"
    (request,) = service.requests
    assert Webhook(secret).verify(request.body, request.headers)["type"] == "webhook.test"

    service.answer = lambda _request: (401, b"who is this?")
    assert "not accepted: 401 who is this?" in run(app, "test", id, code=1)
    assert "no such webhook" in run(app, "test", str(UUID(int=0)), code=1)


def test_a_secret_is_replaced_while_both_work(app: Flask, service: HTTPService) -> None:
    id, former = add(app, service.url)

    new = run(app, "rotate-secret", id).removeprefix("secret: ").strip()

    run(app, "test", id)
    at_once = run(app, "rotate-secret", id, "--at-once").removeprefix("secret: ").strip()
    run(app, "test", id)
    first, second = service.requests
    for secret, request in ((former, first), (new, first), (at_once, second)):
        Webhook(secret).verify(request.body, request.headers)
    assert len(first.headers["webhook-signature"].split()) == 2
    assert len(second.headers["webhook-signature"].split()) == 1
    assert "at most 30d" in run(app, "rotate-secret", id, "--overlap", "31d", code=2)


def test_an_endpoint_is_disabled_enabled_and_removed(app: Flask, service: HTTPService) -> None:
    id, _ = add(app, service.url)
    run(app, "disable", id)
    happen(app)
    assert "webhooks" not in work(app)

    run(app, "enable", id)

    assert "sent: 1" in work(app)
    assert run(app, "replay", id, "--since", "1h") == "events to send: 1\n"
    assert run(app, "replay", id) == "events to send: 0\n"
    assert "Delete the endpoint http" in run(app, "remove", id, code=1)
    assert run(app, "remove", id, "--yes") == f"removed {id}\n"
    assert run(app, "list") == "there are no endpoints\n"


def test_a_refusal_says_why(app: Flask) -> None:
    assert "must start with https://" in run(app, "add", "http://example.org/", code=1)
    assert "no such type of event" in run(
        app, "add", "https://example.org/", "--event", "x", code=1
    )


def test_secrets_survive_a_change_of_the_key(
    app: Flask, make_app: Callable[..., Flask], service: HTTPService
) -> None:
    id, secret = add(app, service.url)
    run(app, "rotate-secret", id)
    old = app.extensions["settings"].secrets.key_encryption_keys[0]
    both = f"{NEW_KEY},{keys_text(old)}"
    with make_app(**LOCAL, KEY_ENCRYPTION_KEYS=both).app_context():
        keys.rewrap(force=True)

    with make_app(**LOCAL, KEY_ENCRYPTION_KEYS=NEW_KEY).app_context():
        assert webhooks.send_test(UUID(id)) == 200
    Webhook(secret).verify(service.requests[0].body, service.requests[0].headers)


def keys_text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


@pytest.fixture
def start_worker(environ: dict[str, str]) -> Iterator[Callable]:
    """Start `flask outbox run` in its own process."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "outbox", "run"]
        env = {**os.environ, **environ, **LOCAL}
        started.append(subprocess.Popen(command, cwd=ROOT, env=env))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_worker_that_is_killed_before_it_records_a_delivery_sends_it_again(
    app: Flask, service: HTTPService, start_worker: Callable, move_time: Callable
) -> None:
    add(app, service.url)
    happen(app)
    goes_on = threading.Event()
    service.answer = lambda _request: goes_on.wait(60) and (200, b"")
    worker = start_worker()
    # The endpoint has the event, and the worker waits for the response.
    wait_until(lambda: service.requests)

    worker.send_signal(signal.SIGKILL)
    worker.wait()
    goes_on.set()

    with app.app_context():
        (id,) = webhook_deliveries.active_endpoints()
        assert list(webhook_deliveries.deliver(id)) == []
        with move_time(minutes=17):
            assert [str(each) for each in webhook_deliveries.deliver(id)] == ["sent"]
        assert len(outbox.list_in([State.SENT], limit=9, which=outbox.to_endpoint(id))) == 1
    first, second = service.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_a_worker_that_is_killed_while_it_gives_events_loses_none(
    app: Flask, service: HTTPService, start_worker: Callable
) -> None:
    add(app, service.url)
    for _ in range(5):
        happen(app)
    with app.app_context():
        extend_chain()
    worker = start_worker()
    wait_until(lambda: service.requests)
    worker.send_signal(signal.SIGKILL)
    worker.wait()

    other = start_worker()
    for _ in range(5):
        happen(app)
    # The event that the first worker was sending waits until its claim expires.
    wait_until(
        lambda: len({each.headers["webhook-id"] for each in service.requests}) >= 9,
    )
    other.send_signal(signal.SIGTERM)

    assert other.wait(PATIENCE_SECONDS) == 0
