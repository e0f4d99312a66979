"""`flask audit`."""

import json

import pytest
from flask import Flask
from sqlalchemy import delete, update

from authapp.models import AuditEntry, User, db
from tests.support.audit import extend_chain


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
