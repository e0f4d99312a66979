"""Purging the audit log: what is deleted, and what the rest of the chain still shows."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, event, update

from authapp.domain.audit import content_of
from authapp.errors import Conflict
from authapp.models import AuditEntry, db
from authapp.models.transaction import transaction
from authapp.security.audit_chain import START, link
from authapp.services import audit as service
from authapp.services import audit_checkpoints, audit_purge, purge
from authapp.services.audit_chain import Head
from authapp.services.audit_heads import HeadReporter
from authapp.services.audit_verification import verify
from tests.support.audit import extend_chain, record_act, run_sql

MoveTime = Callable[..., AbstractContextManager[object]]

NEW_KEY = "bmV3IGtleSBlbmNyeXB0aW9uIGtleSBvZiAzMiBieXQ="


@pytest.fixture
def chain(context: None, move_time: MoveTime) -> list[AuditEntry]:
    """A chain of six entries, of which the first four are due in 400 days."""
    for _ in range(4):
        record_act()
    with move_time(days=2):
        record_act()
        record_act()
        extend_chain()
    return list(service.every_entry())


def places() -> list[int]:
    db.session.rollback()
    chained = AuditEntry.sequence.is_not(None)
    found = db.select(AuditEntry.sequence).where(chained).order_by(AuditEntry.sequence)
    return list(db.session.scalars(found))


def fault(head: Head | None = None) -> tuple[str, str] | None:
    found = verify(head).fault
    return (found.where, found.reason) if found else None


def head_of(entry: AuditEntry) -> Head:
    assert entry.sequence
    assert entry.hash
    return Head(entry.sequence, entry.hash)


def test_old_entries_are_deleted_and_the_rest_is_verified(
    chain: list[AuditEntry], move_time: MoveTime
) -> None:
    with move_time(days=401):
        list(purge.purge())

    found = verify(head_of(chain[5]))
    assert places() == [5, 6, 7]
    assert (found.fault, found.first, found.entries, found.waiting) == (None, 5, 3, 0)


def test_nothing_is_recorded_while_nothing_is_due(
    chain: list[AuditEntry], move_time: MoveTime
) -> None:
    with move_time(days=399):
        assert list(audit_purge.purge_due()) == []

    assert places() == [1, 2, 3, 4, 5, 6]
    assert verify().waiting == 0


def test_without_a_retention_all_entries_are_kept(
    make_app: Callable[..., Flask], move_time: MoveTime
) -> None:
    with make_app(AUDIT_RETENTION="0").app_context():
        record_act()
        extend_chain()

        with move_time(days=4000):
            list(purge.purge())

        assert places() == [1]


def test_the_last_entry_can_be_purged_too(chain: list[AuditEntry], move_time: MoveTime) -> None:
    with move_time(days=500):
        assert list(audit_purge.purge_due()) == [6]

    assert places() == [7]
    assert fault() is None
    assert fault(head_of(chain[5])) is None


def test_later_purges_continue_where_the_former_one_ended(
    chain: list[AuditEntry], move_time: MoveTime
) -> None:
    for days in (401, 500, 1000):
        with move_time(days=days):
            list(audit_purge.purge_due())
            record_act()
            extend_chain()
            assert fault() is None

    assert places() == [11, 12]


@pytest.mark.parametrize("deleted", [5, 6])
def test_deleting_more_than_was_purged_shows(
    chain: list[AuditEntry], move_time: MoveTime, deleted: int
) -> None:
    with move_time(days=401):
        list(audit_purge.purge_due())

    run_sql(delete(AuditEntry).where(AuditEntry.sequence <= deleted))

    assert fault() == ("1", "this entry is missing")


def test_a_checkpoint_that_was_altered_excuses_nothing(
    chain: list[AuditEntry], move_time: MoveTime
) -> None:
    with move_time(days=401):
        list(audit_purge.purge_due())
    is_checkpoint = AuditEntry.action == audit_checkpoints.PURGED
    run_sql(delete(AuditEntry).where(AuditEntry.sequence == 5))

    forged = {"last": str(head_of(chain[4]))}
    run_sql(update(AuditEntry).where(is_checkpoint).values(details=forged))

    assert fault() == ("1", "this entry is missing")


def test_a_checkpoint_that_authapp_did_not_write_excuses_nothing(
    chain: list[AuditEntry],
) -> None:
    details = {"last": str(head_of(chain[3]))}
    forged = AuditEntry(
        at=chain[0].at, actor="system", action="audit_purged", details=details, mac=bytes(36)
    )
    db.session.add(forged)
    db.session.commit()
    extend_chain()

    run_sql(delete(AuditEntry).where(AuditEntry.sequence <= 4))

    assert fault() == ("1", "this entry is missing")


def test_an_entry_that_was_altered_is_not_purged(
    chain: list[AuditEntry], move_time: MoveTime
) -> None:
    run_sql(update(AuditEntry).where(AuditEntry.sequence == 2).values(actor="owner"))

    with move_time(days=401), pytest.raises(Conflict, match="entry 2: it was changed"):
        list(purge.purge())

    assert places() == [1, 2, 3, 4, 5, 6]


def test_nothing_is_purged_if_the_checkpoint_cannot_be_added(
    chain: list[AuditEntry], move_time: MoveTime
) -> None:
    run_sql(update(AuditEntry).where(AuditEntry.sequence == 6).values(mac=bytes(36)))

    with move_time(days=401), pytest.raises(Conflict, match="no entry can be added"):
        list(audit_purge.purge_due())

    assert places() == [1, 2, 3, 4, 5, 6]


def test_an_interrupted_purge_is_verified_and_continued(
    chain: list[AuditEntry], move_time: MoveTime
) -> None:
    with transaction():
        audit_checkpoints.record(head_of(chain[3]))
    extend_chain()
    run_sql(delete(AuditEntry).where(AuditEntry.sequence <= 2))

    assert fault() is None
    with move_time(days=401):
        assert list(audit_purge.purge_due()) == [2]
    assert places() == [5, 6, 7, 8]
    assert fault() is None


def test_checkpoints_may_be_in_another_order_than_what_they_name(
    chain: list[AuditEntry], move_time: MoveTime
) -> None:
    for entry in (chain[3], chain[1]):
        with transaction():
            audit_checkpoints.record(head_of(entry))
        extend_chain()

    run_sql(delete(AuditEntry).where(AuditEntry.sequence <= 4))

    assert fault() is None
    with move_time(days=500):
        assert list(audit_purge.purge_due()) == [4]
    assert fault() is None


def test_what_an_interrupted_purge_left_is_still_checked(chain: list[AuditEntry]) -> None:
    with transaction():
        audit_checkpoints.record(head_of(chain[3]))
    extend_chain()
    run_sql(delete(AuditEntry).where(AuditEntry.sequence <= 2))

    run_sql(update(AuditEntry).where(AuditEntry.sequence == 3).values(actor="owner"))

    assert fault() == ("3", "it was changed")


def test_a_gap_in_what_an_interrupted_purge_left_shows(chain: list[AuditEntry]) -> None:
    with transaction():
        audit_checkpoints.record(head_of(chain[3]))
    extend_chain()

    run_sql(delete(AuditEntry).where(AuditEntry.sequence == 2))

    assert fault() == ("2", "this entry is missing")


@pytest.fixture
def archived(chain: list[AuditEntry], move_time: MoveTime) -> list[AuditEntry]:
    """The four entries that were purged."""
    with move_time(days=401):
        list(audit_purge.purge_due())
    return chain[:4]


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ([1, 2], None),
        ([2, 3], ("2", "the archives are incomplete: entries 2 to 3 are missing")),
        ([4], ("4", "the archives are incomplete: entries 4 to 4 are missing")),
    ],
)
def test_entries_can_be_missing_only_before_the_archives(
    archived: list[AuditEntry], missing: list[int], expected: tuple[str, str] | None
) -> None:
    found = verify(archived=[each for each in archived if each.sequence not in missing]).fault

    assert ((found.where, found.reason) if found else None) == expected


def invent(archived: list[AuditEntry], previous: bytes = START) -> list[AuditEntry]:
    """Return a chain of entries in the same places, with another actor."""
    invented = []
    for entry in archived:
        document = {**service.as_document(entry), "actor": "owner"}
        copy = service.from_document({**document, "previous_hash": previous.hex()})
        previous = copy.hash = link(previous, copy.sequence or 0, content_of(copy))
        invented.append(copy)
    return invented


@pytest.mark.parametrize("length", [1, 3, 4])
def test_an_archive_that_was_invented_is_noticed(archived: list[AuditEntry], length: int) -> None:
    assert verify(archived=invent(archived[:length])).fault is not None


@pytest.mark.parametrize("first", [0, 2])
def test_archives_may_overlap(archived: list[AuditEntry], first: int) -> None:
    found = verify(archived=[*archived[:3], *archived[first:]])

    assert (found.fault, found.entries, found.first) == (None, 7, 1)


@pytest.mark.parametrize(("first", "end"), [(0, 4), (2, 4), (3, 4), (0, 1), (1, 3)])
def test_what_archives_repeat_is_checked_too(
    archived: list[AuditEntry], first: int, end: int
) -> None:
    previous = archived[first].previous_hash or b""
    repeated = invent(archived[first:end], previous)

    assert verify(archived=[*archived, *repeated]).fault is not None
    assert verify(archived=[*archived, *repeated, *archived]).fault is not None


def test_entries_are_purged_while_they_are_verified(
    app: Flask, chain: list[AuditEntry], move_time: MoveTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_BATCH", 2)
    pages: list[str] = []

    def work() -> None:
        with app.app_context():
            list(audit_purge.purge_due())

    def purge_before_the_second_page(*arguments: Any) -> None:
        pages.append(arguments[2])
        if len(pages) == 2:
            db.session.rollback()
            with move_time(days=401):
                other = Thread(target=work)
                other.start()
                other.join()

    event.listen(db.engine, "before_cursor_execute", purge_before_the_second_page)
    found = verify()
    event.remove(db.engine, "before_cursor_execute", purge_before_the_second_page)

    assert found.fault is None
    assert found.entries == 5


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (3, "it was purged, so the given head shows nothing: pass a later one, or the archive"),
        (4, None),
        (5, None),
        (9, "the entries from here to the given head are missing"),
    ],
)
def test_a_head_that_was_purged_is_said_to_show_nothing(
    chain: list[AuditEntry], move_time: MoveTime, place: int, reason: str | None
) -> None:
    with move_time(days=401):
        list(audit_purge.purge_due())
    head = head_of(chain[place - 1]) if place <= 6 else Head(place, bytes(32))

    found = verify(head).fault

    assert (found.reason if found else None) == reason


def test_another_hash_in_place_of_the_last_purged_entry_shows(
    chain: list[AuditEntry], move_time: MoveTime
) -> None:
    with move_time(days=401):
        list(audit_purge.purge_due())

    assert fault(Head(4, bytes(32))) is not None


def test_a_purged_head_is_not_missed_by_the_worker(
    chain: list[AuditEntry], move_time: MoveTime, caplog: pytest.LogCaptureFixture
) -> None:
    reporter = HeadReporter()
    reporter.report()

    with move_time(days=500):
        list(audit_purge.purge_due())
        reporter.report()

    assert places() == [7]
    assert "audit_log_altered" not in caplog.messages


def test_entries_under_a_former_key_are_purged_with_the_key(
    make_app: Callable[..., Flask], environ: dict[str, str], move_time: MoveTime
) -> None:
    with make_app().app_context():
        for _ in range(3):
            record_act()
        extend_chain()
    both = f"{NEW_KEY},{environ['KEY_ENCRYPTION_KEYS']}"
    with make_app(KEY_ENCRYPTION_KEYS=both).app_context(), move_time(days=100):
        record_act()
        extend_chain()

    with make_app(KEY_ENCRYPTION_KEYS=NEW_KEY).app_context(), move_time(days=401):
        list(audit_purge.purge_due())

        assert places() == [4, 5]
        assert fault() is None


def test_several_purges_at_once_leave_a_chain_that_is_verified(
    app: Flask, move_time: MoveTime
) -> None:
    with app.app_context():
        for _ in range(30):
            record_act()
        extend_chain()

    def work() -> None:
        with app.app_context():
            list(audit_purge.purge_due())

    with move_time(days=401):
        workers = [Thread(target=work) for _ in range(3)]
        for each in workers:
            each.start()
        for each in workers:
            each.join()

    with app.app_context():
        extend_chain()
        assert fault() is None
        assert places()[0] == 31
