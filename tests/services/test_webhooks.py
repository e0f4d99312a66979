"""Events for other programs: none is lost, invented or held up, and each keeps its id."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from sqlalchemy import delete, insert, select, update
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from authapp import ROOT, clock
from authapp.cli.worker import Worker
from authapp.delivery import outbox
from authapp.delivery.deliver import WEBHOOK_PAUSES, Outcome
from authapp.delivery.outbox import State
from authapp.delivery.webhooks import secrets
from authapp.domain import audit, webhook_events
from authapp.errors import Conflict, InputRefused, LimitReached, NotFound
from authapp.models import (
    AuditEntry,
    EndReason,
    OutboxMessage,
    RevokeReason,
    Scope,
    User,
    WebhookEndpoint,
    db,
)
from authapp.models.transaction import transaction
from authapp.security.audit_chain import link
from authapp.services import (
    api_tokens,
    change_password,
    delete_account,
    keys,
    leaked_tokens,
    purge,
    register,
    roles,
    sign_out,
    users,
    webhook_deliveries,
    webhooks,
)
from tests.support.accounts import HERE, PASSWORD, start_session
from tests.support.audit import extend_chain, run_sql
from tests.support.http_service import HTTPService, Request
from tests.support.on_sqlite import on_sqlite
from tests.support.waiting import wait_until

LOCAL = {"WEBHOOK_NETWORKS": "127.0.0.0/8"}
SCHEMA = json.loads((ROOT / "docs" / "webhook-events.schema.json").read_text())
NEW_KEY = "bmV3IGtleSBlbmNyeXB0aW9uIGtleSBvZiAzMiBieXQ="
SLOW = timedelta(minutes=1)
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(**LOCAL)


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def service() -> Iterator[HTTPService]:
    service = HTTPService()
    yield service
    service.close()


def work() -> Counter[Outcome]:
    """Do what a worker does in one round."""
    extend_chain()
    while webhook_deliveries.give_new_events():
        pass
    ids = webhook_deliveries.ready_endpoints()
    return Counter(outcome for id in ids for outcome in webhook_deliveries.deliver(id))


def received(service: HTTPService) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in service.requests]


def types(service: HTTPService) -> list[str]:
    return [event["type"] for event in received(service)]


def ids(requests: list[Request]) -> list[str]:
    return [request.headers["webhook-id"] for request in requests]


def happen(number: int = 1) -> None:
    """Record events."""
    for _ in range(number):
        with transaction():
            audit.record("account_disabled", account_id=UUID(int=5))


def events_of(endpoint_id: UUID, state: State) -> list[OutboxMessage]:
    return outbox.list_in([state], limit=1000, which=outbox.to_endpoint(endpoint_id))


def failing(service: HTTPService, status: int = 503) -> None:
    service.answer = lambda _request: (status, b"down")


@pytest.mark.usefixtures("context")
def test_what_happens_to_an_account_is_sent_in_the_documented_form(
    service: HTTPService, user: User
) -> None:
    webhooks.add(service.url)
    register.register("new@example.org", PASSWORD, client=HERE)
    identity = start_session(user.id, remember=True, client=HERE).identity
    scopes = [Scope.ACCOUNT_READ]
    token = api_tokens.create(user.id, name="backup", scopes=scopes, expires_at=None, client=HERE)
    api_tokens.revoke(user.id, token.id, client=HERE)
    roles.grant(user.id, "editor")
    sign_out.sign_out(identity, client=HERE)
    start_session(user.id, remember=True, client=HERE)
    with audit.acting_as(audit.operator("ada")):
        users.disable(user.id)
    delete_account.delete(user.id)

    work()

    for event in received(service):
        VALIDATOR.validate(event)
    about = [each for each in received(service) if each["data"]["account_id"] == str(user.id)]
    assert types(service)[0] == "account.registered"
    assert sorted(each["type"] for each in about) == sorted(
        [
            *("session.started", "api_token.created", "api_token.revoked", "account.role_granted"),
            *("session.ended", "session.started", "session.ended", "account.disabled"),
            "account.deleted",
        ]
    )
    by_type = {each["type"]: each["data"] for each in reversed(about)}
    assert by_type["session.started"]["session_id"] == str(identity.session_id)
    assert by_type["session.ended"]["reason"] == "signed_out"
    assert by_type["api_token.revoked"]["api_token_id"] == str(token.id)
    assert by_type["api_token.revoked"]["actor"] == "owner"
    assert by_type["account.role_granted"]["role"] == "editor"
    assert by_type["account.disabled"]["actor"] == "operator"
    everything = b"".join(request.body for request in service.requests)
    for secret in (user.email, "example.org", "ada", HERE.address, "backup"):
        assert secret.encode() not in everything


def test_the_schema_lists_every_event_and_reason() -> None:
    branches = [each["properties"] for each in SCHEMA["oneOf"]]
    known = [type for each in branches for type in each["type"].get("enum", ())]
    reasons = {
        each["type"]["enum"][0]: set(each["data"]["properties"]["reason"]["enum"])
        for each in branches
        if "reason" in each["data"].get("properties", ())
    }

    assert sorted(known) == sorted(webhook_events.TYPES.values())
    assert reasons == {
        "session.ended": set(EndReason) - {EndReason.IDLE, EndReason.TOO_OLD},
        "api_token.revoked": set(RevokeReason) - {RevokeReason.REPLACED, RevokeReason.EXPIRED},
    }


def test_every_event_is_listed_in_the_documentation() -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text()

    assert [each for each in webhook_events.TYPES.values() if f"`{each}`" not in page] == []


@pytest.mark.usefixtures("context")
def test_every_revoked_token_is_an_event_of_its_own(service: HTTPService, user: User) -> None:
    webhooks.add(service.url)
    users.grant(user.id, Scope.INTROSPECT)
    ended: dict[str, RevokeReason] = {}

    def token(reason: RevokeReason, scope: Scope = Scope.ACCOUNT_READ) -> api_tokens.NewToken:
        made = api_tokens.create(
            user.id, name="backup", scopes=[scope], expires_at=None, client=HERE
        )
        ended[str(made.id)] = reason
        return made

    token(RevokeReason.SCOPE_WITHDRAWN, Scope.INTROSPECT)
    users.withdraw(user.id, Scope.INTROSPECT)
    token(RevokeReason.SIGNED_OUT_BY_OPERATOR)
    users.sign_out(user.id, tokens=True)
    leaked_tokens.revoke(token(RevokeReason.LEAK_FOUND).value, RevokeReason.LEAK_FOUND)
    token(RevokeReason.PASSWORD_CHANGED)
    identity = start_session(user.id, remember=True, client=HERE).identity
    new = "another four words"
    change_password.change_password(
        identity, PASSWORD, new, end_others=True, revoke_tokens=True, client=HERE
    )
    old = token(RevokeReason.DISABLED)
    overlap = timedelta(days=1)
    replacement = api_tokens.rotate(user.id, old.id, overlap=overlap, client=HERE)
    ended[str(replacement.id)] = RevokeReason.DISABLED
    users.disable(user.id)
    work()

    events = received(service)
    for event in events:
        VALIDATOR.validate(event)
    told = [each["data"] for each in events if each["type"] == "api_token.revoked"]
    assert sorted((each["api_token_id"], each["reason"]) for each in told) == sorted(ended.items())
    (rotated,) = (each["data"] for each in events if each["type"] == "api_token.rotated")
    assert (rotated["api_token_id"], rotated["replaced_by"]) == (str(old.id), str(replacement.id))


@pytest.mark.usefixtures("context")
def test_a_change_that_is_rolled_back_sends_nothing(service: HTTPService, user: User) -> None:
    webhooks.add(service.url)
    audit.record("account_disabled", account_id=user.id)
    db.session.flush()
    db.session.rollback()

    assert work() == {}
    assert service.requests == []


@pytest.mark.usefixtures("context")
def test_an_endpoint_gets_what_happens_after_it_was_added(service: HTTPService) -> None:
    happen()
    extend_chain()
    webhooks.add(service.url)

    assert work() == {}
    happen()
    assert work() == {Outcome.SENT: 1}


@pytest.mark.usefixtures("context")
def test_an_endpoint_gets_only_the_types_that_it_wants(service: HTTPService) -> None:
    webhooks.add(service.url, ["account.deleted", "account.enabled"])
    with transaction():
        for action in ("account_disabled", "account_deleted", "command", "signed_in"):
            audit.record(action, account_id=UUID(int=5))

    work()

    assert types(service) == ["account.deleted"]


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("ahead", [1, 9 * 10**18], ids=["next", "far ahead"])
def test_an_entry_that_authapp_did_not_write_is_no_event(
    service: HTTPService, ahead: int, caplog: pytest.LogCaptureFixture
) -> None:
    id, _ = webhooks.add(service.url)
    happen()
    extend_chain()
    forge_after(last := entries()[-1], ahead)

    assert [work(), work()] == [{Outcome.SENT: 1}, {}]
    assert caplog.messages.count("audit_log_altered") == 1
    with pytest.raises(Conflict, match="audit verify"):
        webhooks.enable(id, skip=True)
    run_sql(delete(AuditEntry).where(AuditEntry.sequence > last.sequence))
    happen()
    assert work() == {Outcome.SENT: 1}
    assert "account.role_granted" not in types(service)


def forge_after(last: AuditEntry, ahead: int) -> None:
    """Add what someone can who writes to the database, but lacks KEY_ENCRYPTION_KEYS."""
    forged = {each.name: getattr(last, each.name) for each in AuditEntry.__table__.columns}
    forged |= {"id": uuid4(), "sequence": (last.sequence or 0) + ahead, "action": "role_granted"}
    forged["previous_hash"] = last.hash
    content = audit.content_of(AuditEntry(**forged))
    forged["hash"] = link(last.hash or b"", forged["sequence"], content)
    run_sql(insert(AuditEntry).values(**forged))


@pytest.mark.usefixtures("context")
def test_events_of_an_altered_log_are_not_sent_again(service: HTTPService) -> None:
    id, _ = webhooks.add(service.url)
    happen(3)
    work()
    run_sql(update(AuditEntry).where(AuditEntry.sequence == 2).values(account_id=UUID(int=6)))

    with pytest.raises(Conflict, match="entry 2 "):
        webhook_deliveries.replay(id, timedelta(days=1))

    assert work() == {}


def test_events_under_a_removed_key_are_sent_because_later_ones_vouch_for_them(
    make_app: Callable[..., Flask], environ: dict[str, str], service: HTTPService
) -> None:
    with make_app(**LOCAL).app_context():
        id, _ = webhooks.add(service.url)
        happen(250)
        extend_chain()
    both = f"{NEW_KEY},{environ['KEY_ENCRYPTION_KEYS']}"
    with make_app(**LOCAL, KEY_ENCRYPTION_KEYS=both).app_context():
        happen()
        extend_chain()
        keys.rewrap(force=True)
    with make_app(**LOCAL, KEY_ENCRYPTION_KEYS=NEW_KEY).app_context():
        assert work() == {Outcome.SENT: 251}
        assert webhook_deliveries.replay(id, timedelta(days=1)) == 251
        run_sql(update(WebhookEndpoint).values(sequence=0))
        run_sql(update(AuditEntry).where(AuditEntry.sequence == 100).values(action="role_granted"))
        while webhook_deliveries.give_new_events():
            pass
        db.session.expire_all()
        assert webhooks.require(id).sequence == 0


@pytest.mark.usefixtures("context")
def test_an_endpoint_that_missed_much_gets_it_in_batches(service: HTTPService) -> None:
    """So the chain grows and other endpoints get theirs, and a worker can stop in between."""
    id, _ = webhooks.add(service.url)
    happen(450)
    extend_chain()
    other, _ = webhooks.add(f"{service.url}/other")
    happen()
    extend_chain()

    first, second, third, fourth = (webhook_deliveries.give_new_events() for _ in range(4))

    # The first batch is for both. What else is in the log, such as commands, may change.
    assert 200 < first < second + third
    assert (second, fourth) == (200, 0)
    assert len(events_of(id, State.WAITING)) == 451
    assert len(events_of(other, State.WAITING)) == 1


def test_workers_at_the_same_time_send_each_event_once(app: Flask, service: HTTPService) -> None:
    with app.app_context():
        webhooks.add(service.url)
        happen(40)
        extend_chain()

    def give() -> None:
        with app.app_context():
            webhook_deliveries.give_new_events()
            for id in webhook_deliveries.active_endpoints():
                list(webhook_deliveries.deliver(id))

    threads = [threading.Thread(target=give) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(ids(service.requests))) == len(service.requests) == 40


@pytest.mark.usefixtures("context")
def test_pauses_grow_until_the_event_is_dead(service: HTTPService, move_time: Callable) -> None:
    with ExitStack() as moves:
        check_pauses(service, lambda seconds: moves.enter_context(move_time(seconds=seconds)))


def check_pauses(service: HTTPService, move_on: Callable[[float], object]) -> None:
    id, _ = webhooks.add(service.url)
    failing(service)
    happen()
    assert work() == {Outcome.PUT_BACK: 1}
    for pause in WEBHOOK_PAUSES:
        (waiting,) = events_of(id, State.WAITING)
        since = waiting.due_at - clock.now()
        assert 0.8 * pause - SLOW < since <= 1.2 * pause
        move_on((waiting.due_at - clock.now()).total_seconds() + 0.01)
        work()

    (dead,) = events_of(id, State.DEAD)
    assert "503 down" in (dead.last_error or "")
    assert len(set(ids(service.requests))) == 1


@pytest.mark.usefixtures("context")
def test_dead_events_are_sent_again_with_the_same_id(service: HTTPService) -> None:
    id, _ = webhooks.add(service.url)
    failing(service, 410)
    happen()
    assert work() == {Outcome.DEAD: 1}
    service.answer = lambda _request: (204, b"")
    webhooks.enable(id)

    assert webhook_deliveries.replay_dead(id) == 1

    assert work() == {Outcome.SENT: 1}
    assert len(set(ids(service.requests))) == 1
    with pytest.raises(NotFound):
        webhook_deliveries.replay_dead(UUID(int=0))


@pytest.mark.usefixtures("context")
def test_the_events_of_a_period_are_sent_again(service: HTTPService, move_time: Callable) -> None:
    id, _ = webhooks.add(service.url)
    happen(3)
    work()
    with move_time(days=2):
        happen(250)
        work()
        sent = ids(service.requests[3:])
        service.requests.clear()

        assert webhook_deliveries.replay(id, timedelta(days=1)) == 250

        work()
        assert sorted(ids(service.requests)) == sorted(sent)
        assert webhook_deliveries.replay(id, timedelta(days=9)) == 253


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("skip", [False, True])
def test_what_a_disabled_endpoint_missed_is_sent_or_skipped(
    service: HTTPService, skip: bool
) -> None:
    id, _ = webhooks.add(service.url)
    webhooks.disable(id)
    happen(2)
    assert work() == {}

    webhooks.enable(id, skip=skip)

    assert work() == ({} if skip else {Outcome.SENT: 2})
    happen()
    assert work() == {Outcome.SENT: 1}


@pytest.mark.usefixtures("context")
def test_an_endpoint_that_fails_for_days_is_stopped(
    service: HTTPService, move_time: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    id, _ = webhooks.add(service.url)
    failing(service, 422)
    happen(webhook_deliveries.STOP_FAILURES)
    work()
    assert webhooks.health(webhooks.require(id)) == "failing"
    with move_time(days=4):
        happen()
        work()
        assert webhooks.health(webhooks.require(id)) == "failing"
    with move_time(days=5, seconds=60):
        happen()
        work()
        requests = len(service.requests)
        happen()
        work()

    assert webhooks.health(webhooks.require(id)) == "stopped"
    assert len(service.requests) == requests
    assert caplog.text.count("webhook_endpoint_stopped") == 1
    assert webhooks.count_by_health()[webhooks.Health.STOPPED] == 1
    extend_chain()
    assert "webhook_endpoint_stopped" in [each.action for each in entries()]


def entries() -> list[AuditEntry]:
    return list(db.session.scalars(select(AuditEntry).order_by(AuditEntry.sequence)))


@pytest.mark.usefixtures("context")
def test_one_success_shows_that_an_endpoint_works(
    service: HTTPService, move_time: Callable
) -> None:
    id, _ = webhooks.add(service.url)
    failing(service, 422)
    happen(webhook_deliveries.STOP_FAILURES)
    work()
    service.answer = lambda _request: (200, b"")
    with move_time(days=1):
        happen()
        work()
        db.session.expire_all()
        assert webhooks.health(webhooks.require(id)) == "active"
    failing(service, 422)
    with move_time(days=6):
        happen()
        work()

    db.session.expire_all()
    assert webhooks.health(webhooks.require(id)) == "failing"


def test_a_frozen_endpoint_holds_up_nothing_else(app: Flask, service: HTTPService) -> None:
    frozen, goes_on = HTTPService(), threading.Event()
    frozen.answer = lambda _request: goes_on.wait(60) and (200, b"")
    with app.app_context():
        webhooks.add(frozen.url)
        webhooks.add(service.url)
        happen(3)
    worker = Worker(app)
    worker.start()
    try:
        wait_until(lambda: len(service.requests) == 3 and frozen.requests)
        with app.app_context():
            register.register("new@example.org", PASSWORD, client=HERE)
        # Its email is sent, too; in development, it is not erased.
        wait_until(lambda: sent_to_people(app) == 1)
        wait_until(lambda: len(service.requests) == 4)
    finally:
        goes_on.set()
        worker.stop()
        frozen.close()


def sent_to_people(app: Flask) -> int:
    with app.app_context():
        return len(outbox.list_in([State.SENT], limit=10))


@pytest.mark.usefixtures("context")
def test_an_endpoint_that_is_down_has_a_pause_of_its_own(
    service: HTTPService, move_time: Callable
) -> None:
    id, _ = webhooks.add(service.url)
    failing(service)
    happen(12)
    with ExitStack() as moves:
        for seconds in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
            began = clock.now()
            assert work() == {Outcome.PUT_BACK: 1}
            until = paused_until(id)
            assert timedelta() <= until - began - timedelta(seconds=seconds) < SLOW
            moves.enter_context(move_time(seconds=(until - clock.now()).total_seconds() + 0.01))
        work()
        assert work() == {}
        service.answer = lambda _request: (200, b"")
        with move_time(minutes=6):
            assert work()[Outcome.SENT] >= 2
    db.session.expire_all()
    assert webhooks.require(id).paused_until is None


def paused_until(id: UUID) -> datetime:
    db.session.expire_all()
    found = webhooks.require(id).paused_until
    assert found is not None
    return found


@pytest.mark.usefixtures("context")
def test_a_replaced_secret_signs_until_the_overlap_has_passed(
    service: HTTPService, move_time: Callable
) -> None:
    id, former = webhooks.add(service.url)
    new = webhooks.rotate_secret(id, overlap=timedelta(hours=2))
    happen()
    work()
    with move_time(hours=3):
        happen()
        work()
        first, second = service.requests

        Webhook(new).verify(second.body, second.headers)
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            Webhook(former).verify(second.body, second.headers)
    for secret in (former, new):
        Webhook(secret).verify(first.body, first.headers)
    assert webhooks.rotate_secret(id, overlap=timedelta()) not in (former, new)
    assert webhooks.require(id).former_secret_sealed is None


@pytest.mark.usefixtures("context")
def test_secrets_are_sealed_and_bound_to_their_endpoint(service: HTTPService) -> None:
    id, secret = webhooks.add(service.url)
    other, _ = webhooks.add(f"{service.url}/other")
    stored = db.session.execute(db.text("SELECT * FROM webhook_endpoints")).all()
    assert secret.removeprefix("whsec_")[:20] not in str(stored)
    with transaction():
        webhooks.require(id).secret_sealed = webhooks.require(other).secret_sealed
    happen()

    assert work() == {Outcome.PUT_BACK: 1, Outcome.SENT: 1}

    (waiting,) = events_of(id, State.WAITING)
    assert "cannot open the endpoint's secret" in (waiting.last_error or "")


@pytest.mark.usefixtures("context")
def test_a_removed_endpoint_gets_nothing_more(service: HTTPService) -> None:
    id, _ = webhooks.add(service.url)
    failing(service)
    happen()
    work()

    webhooks.remove(id)

    happen()
    assert work() == {}
    assert db.session.scalars(select(WebhookEndpoint)).all() == []
    assert events_of(id, State.WAITING) == []


@on_postgresql
def test_an_endpoint_is_removed_with_what_a_worker_is_giving_it(
    app: Flask, service: HTTPService
) -> None:
    with app.app_context():
        id, _ = webhooks.add(service.url)
        happen()
        extend_chain()
        with transaction():
            # What `give_new_events` has done before it commits.
            endpoint = webhooks.require(id, for_update=True)
            webhook_deliveries._give(endpoint, entries()[-1:])
            removing = begin(app, lambda: webhooks.remove(id))
        removing.join()

        assert events_of(id, State.WAITING) == []


@on_postgresql
def test_a_secret_that_is_replaced_during_a_rewrap_does_not_come_back(
    make_app: Callable[..., Flask], environ: dict[str, str], service: HTTPService
) -> None:
    app = make_app(**LOCAL, KEY_ENCRYPTION_KEYS=f"{NEW_KEY},{environ['KEY_ENCRYPTION_KEYS']}")
    with make_app(**LOCAL).app_context():
        id, leaked = webhooks.add(service.url)
    with app.app_context():
        with transaction():
            secrets.reseal_all()
            rotating = begin(app, lambda: webhooks.rotate_secret(id, overlap=timedelta()))
        rotating.join()

        db.session.expire_all()
        assert webhooks.send_test(id) == 200
    (request,) = service.requests
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(leaked).verify(request.body, request.headers)


def begin(app: Flask, task: Callable[[], object]) -> threading.Thread:
    """Start a task in a thread; return once it has ended, or waits for a lock."""

    def run() -> None:
        with app.app_context():
            task()

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: not thread.is_alive() or waits_for_a_lock())
    return thread


def waits_for_a_lock() -> bool:
    found = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with db.engine.connect() as other:
        return bool(other.scalar(db.text(f"SELECT count(*) {found}")))


@pytest.mark.usefixtures("context")
def test_old_events_are_purged(service: HTTPService, move_time: Callable) -> None:
    id, _ = webhooks.add(service.url)
    happen(2)
    work()

    with move_time(days=40):
        list(purge.purge())

    assert events_of(id, State.SENT) == []


@on_sqlite
@pytest.mark.usefixtures("context")
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://", "malformed"),
        ("https://example.org:99999/", "malformed"),
        ("https://example.org/a b", "malformed"),
        ("https://exämple.org/", "malformed"),
        ("https://example.org/#top", "malformed"),
        ("https://[::1/", "malformed"),
        ("https://user:secret@example.org/", "has_password"),
        ("http://example.org/", "not_https"),
        ("http://10.0.0.1/", "not_https"),
        ("ftp://example.org/", "not_https"),
        ("example.org", "malformed"),
    ],
)
def test_a_url_that_nothing_is_sent_to_is_refused(url: str, reason: str) -> None:
    with pytest.raises(InputRefused) as refused:
        webhooks.add(url)

    assert refused.value.reason == reason


@pytest.mark.usefixtures("context")
def test_an_endpoint_is_added_once_and_there_are_not_too_many() -> None:
    webhooks.add("https://example.org/0")
    with pytest.raises(Conflict):
        webhooks.add("https://example.org/0")
    with pytest.raises(InputRefused):
        webhooks.add("https://example.org/1", ["account.exploded"])
    for number in range(1, webhooks.MOST):
        webhooks.add(f"https://example.org/{number}")

    with pytest.raises(LimitReached):
        webhooks.add("https://example.org/more")
