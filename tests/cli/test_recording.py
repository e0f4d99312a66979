"""Commands that change something are in the audit log, and the others change nothing."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import pytest
from flask import Flask
from sqlalchemy import Engine, event

from authapp.cli.group import ValueCommand
from authapp.models import AuditEntry, User, db

NOT_RUN = {("outbox", "run"): "its tasks are recorded as authapp's own"}


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command of authapp below a group, with the words that invoke it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        elif path and path[0] not in {"db", "translate"}:
            yield (*path, name), command


def words(command: click.Command, folder: Path) -> list[str]:
    """Return arguments and options with which a command starts its work."""
    said = ["--yes"] if any("--yes" in each.opts for each in command.params) else []
    said += ["--revoke"] if any("--revoke" in each.opts for each in command.params) else []
    for each in command.params:
        if isinstance(each, click.Argument):
            said.append("admin" if each.name == "role" else _value(each.type, folder))
    return said


def _value(type: click.ParamType[Any], folder: Path) -> str:
    if isinstance(type, click.Choice):
        return str(type.choices[0])
    if isinstance(type, click.Path | click.File):
        file = folder / "file"
        file.write_text("")
        return str(file)
    return str(uuid4()) if type is click.UUID else "name@example.org"


@contextmanager
def writes() -> Iterator[list[str]]:
    """Collect the statements that change rows."""
    seen: list[str] = []

    def look(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        is_write = statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))
        # Counting what was read changes nothing.
        if is_write and "cache_counters" not in statement:
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", look)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", look)


def recorded(app: Flask) -> list[AuditEntry]:
    with app.app_context():
        found = db.select(AuditEntry).where(AuditEntry.action == "command")
        return list(db.session.scalars(found.order_by(AuditEntry.at)))


def operator() -> str:
    return f"operator:{pwd.getpwuid(os.getuid()).pw_name}"


def run(app: Flask, *arguments: str) -> int:
    return app.test_cli_runner().invoke(args=arguments, input="").exit_code


def test_every_command_is_recorded_or_writes_nothing(app: Flask, tmp_path: Path) -> None:
    found = dict(commands(app.cli))
    assert len(found) > 30

    for path, command in found.items():
        assert isinstance(command, ValueCommand), path
        if path in NOT_RUN:
            continue
        before = len(recorded(app))
        with writes() as written:
            run(app, *path, *words(command, tmp_path))
        if len(recorded(app)) == before:
            assert command.reads_only, path
            assert written == [], path
        else:
            assert recorded(app)[-1].details["command"] == " ".join(path)


def test_a_command_is_recorded_with_its_user_its_account_and_its_options(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "ada")

    assert run(app, "users", "sign-out", user.email, "--tokens") == 0

    (entry,) = recorded(app)
    assert entry.actor == ("operator:ada as root" if os.getuid() == 0 else operator())
    assert entry.account_id == user.id
    assert entry.details == {"command": "users sign-out", "tokens": "True"}


def test_a_command_that_fails_is_recorded_as_failed(app: Flask) -> None:
    assert run(app, "keys", "revoke", "unknown") == 1

    with app.app_context():
        found = db.session.scalars(db.select(AuditEntry).order_by(AuditEntry.at)).all()
    assert [entry.action for entry in found] == ["command", "command_failed"]
    assert found[0].details == {"command": "keys revoke", "kid": "unknown"}


def test_what_a_command_does_to_an_account_is_its_operators_act(app: Flask, user: User) -> None:
    assert run(app, "users", "disable", user.email) == 0

    with app.app_context():
        found = db.session.scalars(db.select(AuditEntry).order_by(AuditEntry.at)).all()
    assert [entry.action for entry in found] == ["command", "account_disabled"]
    assert len({entry.actor for entry in found}) == 1
    assert found[1].actor.startswith("operator:")


def test_an_address_is_not_recorded(app: Flask) -> None:
    run(app, "users", "invite", "new@example.org")

    assert "example.org" not in str([entry.details for entry in recorded(app)])
