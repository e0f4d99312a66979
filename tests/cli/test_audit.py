"""`flask audit`."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import delete, event, update

from authapp.models import AuditEntry, User, db
from authapp.services import audit_purge
from tests.support.audit import extend_chain, run_sql

MoveTime = Callable[..., AbstractContextManager[object]]


@pytest.fixture
def disabled(app: Flask, user: User) -> User:
    """An account that an operator has disabled; the chain has the command and the act."""
    assert run(app, "users", "disable", user.email)[0] == 0
    with app.app_context():
        extend_chain()
    return user


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    ended = app.test_cli_runner().invoke(args=arguments)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.output


def test_entries_are_listed_newest_first(app: Flask, disabled: User) -> None:
    code, output = run(app, "audit", "list")

    newest, oldest = output.splitlines()
    assert code == 0
    assert "account_disabled" in newest
    assert str(disabled.id) in newest
    assert "command=users disable" in oldest


@pytest.mark.parametrize(
    ("options", "number"),
    [
        (["--account", "{email}"], 2),
        (["--account", "{id}"], 2),
        (["--account", "00000000-0000-0000-0000-000000000000"], 0),
        (["--action", "account_disabled"], 1),
        (["--since", "1h"], 2),
        (["--limit", "1"], 1),
    ],
)
def test_entries_are_selected(app: Flask, disabled: User, options: list[str], number: int) -> None:
    chosen = [each.format(email=disabled.email, id=disabled.id) for each in options]

    code, output = run(app, "audit", "list", "--json", *chosen)

    assert code == 0
    assert len(json.loads(output)) == number


def test_an_account_that_does_not_exist_is_an_error(app: Flask) -> None:
    assert run(app, "audit", "list", "--account", "nobody@example.org")[0] == 1


def test_the_export_has_every_entry_oldest_first(app: Flask, disabled: User) -> None:
    _, output = run(app, "audit", "export")

    entries = [json.loads(line) for line in output.splitlines()]
    assert [entry["sequence"] for entry in entries] == [1, 2]
    assert entries[1]["previous_hash"] == entries[0]["hash"]


def test_a_head_that_verify_prints_is_one_that_it_accepts(app: Flask, disabled: User) -> None:
    _, output = run(app, "audit", "verify")
    head = output.splitlines()[-1].removeprefix("head: ")

    assert run(app, "audit", "verify", "--head", head)[0] == 0
    with app.app_context():
        db.session.execute(delete(AuditEntry).where(AuditEntry.sequence == 2))
        db.session.commit()
    assert run(app, "audit", "verify", "--head", head) == (
        1,
        "Error: entry 2: the entries from here to the given head are missing\n",
    )


def test_the_first_bad_entry_is_named(app: Flask, disabled: User) -> None:
    with app.app_context():
        db.session.execute(update(AuditEntry).values(actor="owner"))
        db.session.commit()

    assert run(app, "audit", "verify") == (1, "Error: entry 1: it was changed\n")


@pytest.mark.parametrize("head", ["", "x", "1", "1:", "1:ff", "0:" + "00" * 32, "-1:" + "00" * 32])
def test_a_malformed_head_is_refused(app: Flask, head: str) -> None:
    code, output = run(app, "audit", "verify", "--head", head)

    assert code == 2
    assert "is not a head such as" in output


@pytest.fixture
def purged(app: Flask, disabled: User, tmp_path: Path, move_time: MoveTime) -> Path:
    """The file that has the two entries which were purged."""
    archive = tmp_path / "archive.jsonl"
    with move_time(days=401):
        code, output = run(app, "audit", "purge", "--archive", str(archive))
    assert (code, output) == (0, "entries deleted: 2\n")
    return archive


def test_purged_entries_are_in_the_archive_and_verified_with_the_rest(
    app: Flask, purged: Path
) -> None:
    sequences = [json.loads(line)["sequence"] for line in purged.read_text().splitlines()]
    _, without = run(app, "audit", "verify")
    code, output = run(app, "audit", "verify", "--archive", str(purged))

    assert sequences == [1, 2]
    # The command and the checkpoint are left.
    assert without.splitlines()[0] == "entries checked: 2, not yet in the chain: 0"
    assert without.splitlines()[1] == "purged before: 2"
    assert code == 0
    assert output.splitlines()[0] == "entries checked: 4, not yet in the chain: 0"


def test_archives_may_overlap(app: Flask, purged: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    again.write_text(purged.read_text().splitlines()[1])

    code, _ = run(app, "audit", "verify", "--archive", str(purged), "--archive", str(again))

    assert code == 0


def test_an_altered_archive_is_noticed(app: Flask, purged: Path) -> None:
    purged.write_text(purged.read_text().replace("account_disabled", "account_enabled"))

    code, output = run(app, "audit", "verify", "--archive", str(purged))

    assert (code, output) == (1, "Error: entry 2: it was changed\n")


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"id": 1}'])
def test_what_is_not_an_archive_is_refused(app: Flask, purged: Path, line: str) -> None:
    purged.write_text(f"{line}\n")

    code, output = run(app, "audit", "verify", "--archive", str(purged))

    assert code == 1
    assert f"{purged}, line 1: " in output


def test_without_a_new_file_for_the_archive_nothing_is_deleted(
    app: Flask, purged: Path, move_time: MoveTime
) -> None:
    with app.app_context():
        extend_chain()

    with move_time(days=900):
        code, output = run(app, "audit", "purge", "--archive", str(purged))

    assert (code, output) == (1, f"Error: {purged}: File exists; nothing was deleted\n")
    with app.app_context():
        kept = db.session.scalars(db.select(AuditEntry.sequence)).all()
    assert 3 in kept


def test_the_audit_log_is_not_purged_twice_at_once(
    app: Flask, disabled: User, tmp_path: Path, move_time: MoveTime
) -> None:
    archive = tmp_path / "archive.jsonl"

    with move_time(days=401), app.app_context(), audit_purge.only_one():
        code, output = run(app, "audit", "purge", "--archive", str(archive))
        deleted_by_cron = list(audit_purge.purge_due())

    assert (code, output) == (1, "Error: the audit log is being purged already\n")
    assert not archive.exists()
    assert deleted_by_cron == []
    with move_time(days=401):
        code, output = run(app, "audit", "purge", "--archive", str(archive))
    assert (code, output.splitlines()[0]) == (0, "entries deleted: 2")


def test_what_is_being_archived_is_not_deleted_by_another_purge(
    app: Flask, disabled: User, tmp_path: Path, move_time: MoveTime
) -> None:
    archive = tmp_path / "archive.jsonl"
    others: list[Thread] = []

    def cron() -> None:
        with app.app_context():
            list(audit_purge.purge_due())

    def run_cron_before_the_archive_is_read(*_: object) -> None:
        if archive.exists() and not others:
            others.append(Thread(target=cron))
            others[0].start()
            others[0].join()

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", run_cron_before_the_archive_is_read)
    with move_time(days=401):
        assert run(app, "audit", "purge", "--archive", str(archive))[0] == 0
    event.remove(engine, "before_cursor_execute", run_cron_before_the_archive_is_read)

    assert others
    assert len(archive.read_text().splitlines()) == 2


def test_an_altered_entry_is_not_purged(app: Flask, disabled: User, move_time: MoveTime) -> None:
    with app.app_context():
        run_sql(update(AuditEntry).where(AuditEntry.sequence == 1).values(actor="owner"))

    with move_time(days=401):
        code, output = run(app, "tokens", "purge")

    assert code == 1
    assert output.endswith("the audit log is not purged: entry 1: it was changed\n")
