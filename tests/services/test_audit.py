"""The audit log: what is recorded, and which changes the chain shows."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, text, update
from time_machine import travel

from authapp import clock
from authapp.domain import audit
from authapp.models import Activity, AuditEntry, User, db
from authapp.security.audit_chain import START, Authenticator, Stage, link
from authapp.services import audit as service
from authapp.services import audit_chain, delete_account, keys, sign_out, users
from authapp.services.audit import Filter
from authapp.services.audit_chain import Head
from authapp.services.audit_heads import HeadReporter
from authapp.services.audit_verification import verify
from tests.support.accounts import HERE, PASSWORD, start_session
from tests.support.audit import audited, extend_chain, record_act, run_sql
from tests.support.browsing import post, sign_in

pytestmark = pytest.mark.usefixtures("new_hour")

NEW_KEY = "bmV3IGtleSBlbmNyeXB0aW9uIGtleSBvZiAzMiBieXQ="


@pytest.fixture
def chain(context: None) -> list[AuditEntry]:
    """A chain of six entries."""
    for number in range(6):
        record_act("act", number=str(number))
    extend_chain()
    return list(service.every_entry())


def values(entry: AuditEntry) -> dict[str, object]:
    return {each.name: getattr(entry, each.name) for each in AuditEntry.__table__.columns}


def fault() -> tuple[str, str] | None:
    found = verify().fault
    return (found.where, found.reason) if found else None


def test_a_chain_that_no_one_touched_is_verified(chain: list[AuditEntry]) -> None:
    found = verify()

    assert found.fault is None
    assert (found.entries, found.waiting) == (6, 0)
    assert found.head == Head(6, chain[-1].hash)
    assert chain[0].previous_hash == START


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "operator:someone"},
        {"action": "other"},
        {"details": {"number": "7"}},
        {"at": clock.now() + timedelta(days=1)},
        {"hash": bytes(32)},
        {"previous_hash": bytes(32)},
        {"mac": bytes(36)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_entry_is_named(chain: list[AuditEntry], change: dict[str, object]) -> None:
    run_sql(update(AuditEntry).where(AuditEntry.sequence == 6).values(**change))

    assert fault() is not None
    assert fault()[0] == "6"


def test_a_deleted_entry_is_named(chain: list[AuditEntry]) -> None:
    run_sql(delete(AuditEntry).where(AuditEntry.sequence == 3))

    assert fault() == ("3", "this entry is missing")


def test_deleting_an_entry_and_renumbering_the_others_shows(chain: list[AuditEntry]) -> None:
    run_sql(delete(AuditEntry).where(AuditEntry.sequence == 3))
    for sequence in (4, 5, 6):
        earlier = AuditEntry.sequence == sequence
        run_sql(update(AuditEntry).where(earlier).values(sequence=sequence - 1))

    assert fault() == ("3", "it does not follow the entry before it")


def test_deleting_the_first_entries_shows(chain: list[AuditEntry]) -> None:
    run_sql(delete(AuditEntry).where(AuditEntry.sequence <= 2))

    assert fault() == ("1", "this entry is missing")


def test_exchanged_entries_are_named(chain: list[AuditEntry]) -> None:
    for now, then in ((2, 100), (3, 2), (100, 3)):
        run_sql(update(AuditEntry).where(AuditEntry.sequence == now).values(sequence=then))

    assert fault() == ("2", "it does not follow the entry before it")


def test_entries_cut_off_at_the_end_show_with_a_head_from_the_log(
    chain: list[AuditEntry],
) -> None:
    head = verify().head
    run_sql(delete(AuditEntry).where(AuditEntry.sequence >= 5))

    assert fault() is None
    assert verify(head).fault.where == "5"

    # Other entries in their place do not hide it.
    for _ in range(4):
        record_act("act")
    extend_chain()
    assert fault() is None
    assert verify(head).fault.where == "6"


def compute_anew(chain: list[AuditEntry], since: int, **changes: object) -> None:
    """Change entries, and compute the hashes that need no key, as a writer of the database can."""
    run_sql(delete(AuditEntry).where(AuditEntry.sequence >= since))
    previous = chain[since - 2].hash if since > 1 else START
    for entry in chain[since - 1 :]:
        again = {**values(entry), "details": {"number": "forged"}, **changes}
        content = audit.content_of(AuditEntry(**again))
        again |= {"previous_hash": previous, "hash": link(previous, entry.sequence, content)}
        previous = again["hash"]
        db.session.execute(AuditEntry.__table__.insert().values(**again))
    db.session.commit()


def test_a_chain_that_a_writer_of_the_database_computed_anew_is_not_authentic(
    chain: list[AuditEntry],
) -> None:
    compute_anew(chain, since=1)

    assert fault() == ("1", "its code is not authentic: forged")


@pytest.mark.parametrize("since", [1, 4])
def test_codes_under_an_unknown_key_vouch_for_nothing(
    chain: list[AuditEntry], caplog: pytest.LogCaptureFixture, since: int
) -> None:
    compute_anew(chain, since=since, mac=bytes(36))
    record_act("later")

    extend_chain()
    extend_chain()

    # With a code of its own after them, the worker would authenticate them.
    assert verify().waiting == 1
    assert fault() is not None
    assert caplog.messages.count("audit_log_altered") == 1


@pytest.mark.parametrize("sequence", [0, -1])
def test_entries_before_the_first_one_show(chain: list[AuditEntry], sequence: int) -> None:
    added = {**values(chain[0]), "id": uuid4(), "sequence": sequence}
    run_sql(AuditEntry.__table__.insert().values(**added))

    assert fault() == ("1", "this entry is missing")


def test_an_entry_that_authapp_did_not_write_is_never_chained(
    chain: list[AuditEntry], caplog: pytest.LogCaptureFixture
) -> None:
    forged = AuditEntry(at=clock.now(), actor="owner", action="act", details={}, mac=bytes(36))
    db.session.add(forged)
    db.session.commit()
    id = str(forged.id)
    record_act("later")

    extend_chain()

    found = verify()
    assert (found.entries, found.waiting) == (7, 1)
    assert found.fault.where == id
    assert caplog.messages.count("audit_entry_refused") == 1


def test_the_code_of_a_new_entry_is_not_valid_for_its_place(chain: list[AuditEntry]) -> None:
    signer = Authenticator([bytes(32)])
    mac = signer.sign(Stage.WRITTEN, b"message")

    assert signer.check(Stage.CHAINED, b"message", mac) == "forged"


def test_replacing_the_key_leaves_the_chain_as_it_is(
    make_app: Callable[..., Flask], environ: dict[str, str]
) -> None:
    old = environ["KEY_ENCRYPTION_KEYS"]
    with make_app().app_context():
        record_act("before")
        extend_chain()
        head = verify().head
    with make_app(KEY_ENCRYPTION_KEYS=f"{NEW_KEY},{old}").app_context():
        record_act("after")
        extend_chain()
        assert verify(head).fault is None

    with make_app(KEY_ENCRYPTION_KEYS=NEW_KEY).app_context():
        assert verify(head).fault is None
        run_sql(update(AuditEntry).where(AuditEntry.sequence == 1).values(action="other"))
        assert verify().fault.where == "1"


def test_sealing_again_leaves_no_code_under_a_former_key_after_one_under_the_new(
    make_app: Callable[..., Flask], environ: dict[str, str]
) -> None:
    old = environ["KEY_ENCRYPTION_KEYS"]
    both = f"{NEW_KEY},{old}"
    # Two workers, of which one has the new key, but does not use it yet.
    for keys_of_worker in (f"{old},{NEW_KEY}", both, f"{old},{NEW_KEY}"):
        with make_app(KEY_ENCRYPTION_KEYS=keys_of_worker).app_context():
            record_act("act")
            extend_chain()
    with make_app(KEY_ENCRYPTION_KEYS=both).app_context():
        record_act("waits")
        keys.rewrap()

    with make_app(KEY_ENCRYPTION_KEYS=NEW_KEY).app_context():
        assert verify().fault is None
        extend_chain()
        assert (verify().fault, verify().entries) == (None, 4)


def test_a_chain_whose_last_key_is_missing_is_not_verified(
    make_app: Callable[..., Flask],
) -> None:
    with make_app().app_context():
        record_act("act")
        extend_chain()

    with make_app(KEY_ENCRYPTION_KEYS=NEW_KEY).app_context():
        found = verify().fault

    assert found.reason == "none of KEY_ENCRYPTION_KEYS authenticates the last entry"


def test_several_workers_build_one_chain(app: Flask) -> None:
    with app.app_context():
        for number in range(60):
            record_act("act", number=str(number))

    def work() -> None:
        with app.app_context():
            for _ in range(20):
                audit_chain.extend()

    workers = [Thread(target=work) for _ in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()

    with app.app_context():
        extend_chain()
        found = verify()
    assert (found.fault, found.entries, found.waiting) == (None, 60, 0)


def test_the_head_is_logged_and_missed(
    chain: list[AuditEntry],
    move_time: Callable[..., object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    reporter = HeadReporter()

    reporter.report()
    reporter.report()

    assert caplog.messages.count("audit_head") == 1
    assert str(Head(6, chain[-1].hash)) in str([vars(each) for each in caplog.records])
    run_sql(delete(AuditEntry).where(AuditEntry.sequence == 6))
    with move_time(minutes=6):
        reporter.report()
    assert "audit_log_altered" in caplog.messages


def test_a_rolled_back_act_is_not_recorded(context: None, user: User) -> None:
    audit.record("act")
    db.session.flush()
    db.session.rollback()

    assert audited() == []


def test_owners_visitors_and_operators_are_told_apart(
    app: Flask, client: FlaskClient, user: User
) -> None:
    post(client, "/login", email=user.email, password="not the password")
    post(client, "/login", email="nobody@example.org", password=PASSWORD)
    sign_in(client)
    with app.app_context():
        with audit.acting_as(audit.operator("ada")):
            users.disable(user.id)
        users.enable(user.id)

        assert audited() == [
            ("visitor", Activity.SIGN_IN_REFUSED),
            ("visitor", Activity.SIGN_IN_REFUSED),
            ("owner", "session_started"),
            ("owner", Activity.SIGNED_IN),
            ("operator:ada", "session_ended"),
            ("operator:ada", Activity.ACCOUNT_DISABLED),
            ("system", Activity.ACCOUNT_ENABLED),
        ]


def test_each_session_is_recorded_from_its_beginning_to_its_end(
    make_app: Callable[..., Flask], user: User
) -> None:
    with make_app(MAX_SESSIONS="2").app_context():
        first, second, third = (
            start_session(user.id, remember=True, client=HERE).identity for _ in range(3)
        )
        sign_out.sign_out(second, client=HERE)
        users.sign_out(user.id)
        extend_chain()
        found = [
            (entry.details["session"], entry.details.get("reason"))
            for entry in service.every_entry()
            if "session" in entry.details
        ]

    ids = [str(each.session_id) for each in (first, second, third)]
    assert sorted(found[:4], key=str) == sorted(
        [*((id, None) for id in ids), (ids[0], "over_limit")], key=str
    )
    assert found[4:] == [(ids[1], "signed_out"), (ids[2], "signed_out_by_operator")]


def test_repeated_failures_are_recorded_once_an_hour(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with travel(clock.now().replace(minute=30)):
        for _ in range(3):
            post(client, "/login", email=user.email, password="not the password")

    with app.app_context():
        assert audited() == [("visitor", Activity.SIGN_IN_REFUSED)]


def test_entries_outlive_the_account_and_have_nothing_personal(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    with app.app_context():
        delete_account.delete(user.id)
        extend_chain()

        found = service.list_entries(Filter(account_id=user.id))
        stored = db.session.execute(text("SELECT * FROM audit_entries")).all()

    actions = [entry.action for entry in found]
    assert actions == ["account_deleted", Activity.SIGNED_IN, "session_started"]
    assert user.email not in str(stored)
    assert "127.0.0.1" not in str(stored)


def test_entries_are_listed_by_page(chain: list[AuditEntry]) -> None:
    newest = service.list_entries(Filter(), limit=4)
    older = service.list_entries(Filter(), before=newest[-1].sequence, limit=4)

    assert [entry.sequence for entry in (*newest, *older)] == [6, 5, 4, 3, 2, 1]
