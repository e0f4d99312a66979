"""`flask tokens scan`."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from click.testing import Result
from flask import Flask

from authapp.delivery import outbox
from authapp.domain.api_token_rules import end_reason
from authapp.domain.api_tokens import find
from authapp.models import RevokeReason, Scope, User
from authapp.security.opaque_tokens import make_api_token, new_secret
from authapp.services import api_tokens
from tests.api.calling import PROGRAM, new_token


def scan(app: Flask, *arguments: object, input: bytes | None = None) -> Result:
    runner = app.test_cli_runner()
    ended = runner.invoke(args=["tokens", "scan", *map(str, arguments)], input=input)
    assert ended.exception is None or isinstance(ended.exception, SystemExit)
    return ended


@pytest.fixture
def value(app: Flask, user: User) -> str:
    return new_token(app, user, Scope.ACCOUNT_READ)


def id_of(app: Flask, value: str) -> str:
    with app.app_context():
        return str(find(value).id)


def test_a_live_token_is_reported_with_its_location_but_not_its_value(
    app: Flask, user: User, value: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.py"
    file.write_text(f"A = 1\nTOKEN = '{value}'\n")

    ended = scan(app, file)

    assert ended.exit_code == 1
    assert ended.stdout == f"{file}:2  {id_of(app, value)}  …{value[-4:]}  {user.id}  live\n"
    assert value[:30] not in ended.output


def test_standard_input_is_scanned(app: Flask, value: str) -> None:
    for arguments in ([], ["-"]):
        ended = scan(app, *arguments, input=b"\xff\x00" + value.encode() + b"\n")
        assert ended.exit_code == 1
        assert ended.stdout.startswith("-:1  ")


def test_a_scan_without_live_tokens_exits_with_0(app: Flask, user: User, value: str) -> None:
    id = UUID(id_of(app, value))
    with app.app_context():
        api_tokens.revoke(user.id, id, client=PROGRAM)
    stranger = make_api_token("aut", uuid4(), new_secret())
    forged = make_api_token("aut", id, new_secret())

    ended = scan(app, input=f"{value}\n{stranger}\n{forged}\n".encode())

    assert ended.exit_code == 0
    assert ended.stdout.splitlines() == [
        f"-:1  {id}  …{value[-4:]}  {user.id}  {RevokeReason.REVOKED}"
    ]


def test_revoking_revokes_live_tokens_and_emails_their_owner(app: Flask, value: str) -> None:
    ended = scan(app, "--revoke", input=f"{value} {value}".encode())

    assert ended.exit_code == 1
    assert "live, now revoked" in ended.stdout
    with app.app_context():
        assert end_reason(find(value)) == RevokeReason.LEAK_FOUND
        mails = [mail for mail in outbox.list_recent() if mail.message == "api_token_leaked"]
    assert len(mails) == 1
    assert scan(app, input=value.encode()).exit_code == 0


def test_unreadable_files_are_reported_and_the_rest_is_scanned(
    app: Flask, value: str, tmp_path: Path
) -> None:
    file = tmp_path / "leak"
    file.write_text(value)

    failed = scan(app, tmp_path / "nowhere", tmp_path)
    partly = scan(app, tmp_path / "nowhere", file)

    assert failed.exit_code == 2
    assert len(failed.stderr.splitlines()) == 2
    assert partly.exit_code == 1
    assert str(file) in partly.stdout


def test_an_unavailable_database_is_not_reported_as_a_clean_scan(
    app: Flask, value: str, lose_database
) -> None:
    lose_database()

    ended = scan(app, input=value.encode())

    assert ended.exit_code == 2
    assert "the database is not available" in ended.output
    assert value not in ended.output


def test_a_huge_file_without_lines_is_streamed(app: Flask, value: str, tmp_path: Path) -> None:
    file = tmp_path / "image"
    with file.open("wb") as image:
        image.truncate((1 << 20) - 40)
        image.seek(0, 2)
        image.write(b"x" + value.encode())
        image.truncate(64 << 20)

    ended = scan(app, file)

    assert ended.exit_code == 1
    assert len(ended.stdout.splitlines()) == 1
