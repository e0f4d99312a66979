"""`flask users export`, and that `flask users import` reads what it wrote."""

import csv
import io
import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from authapp import clock
from authapp.models import User, db, delete_user
from authapp.models.transaction import transaction
from authapp.services import export_users
from tests.support.accounts import add_user
from tests.support.browsing import is_signed_in, sign_in

FIELDS = [
    "id", "email", "email_verified_at", "phone", "phone_verified_at", "created_at", "language",
    "disabled_at", "frozen_at", "delete_at", "has_second_factor",
]  # fmt: skip


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    ended = app.test_cli_runner().invoke(args=["users", *arguments])
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.output


@pytest.fixture
def several(app: Flask) -> None:
    """Accounts in every state, whose texts could break a line or a column."""
    now = clock.now()
    with app.app_context():
        add_user("plain@example.org")
        add_user("o'neil,x;y@example.org".replace(",", "+").replace(";", "-"))
        states = {
            "phone": {"phone": "+447400123456", "phone_verified_at": now},
            "disabled": {"disabled_at": now},
            "frozen": {"frozen_at": now - timedelta(days=1)},
            "closed": {"delete_at": now + timedelta(days=3), "language": "de-AT"},
            "waiting": {"email_verified_at": None},
        }
        for name, values in states.items():
            user = db.session.get(User, add_user(f"{name}@example.org").id)
            for each, value in values.items():
                setattr(user, each, value)
            db.session.commit()


def empty(app: Flask) -> None:
    with app.app_context(), transaction():
        for id in db.session.scalars(db.select(User.id)).all():
            delete_user(id)


def test_every_account_is_exported_without_hashes(
    app: Flask, several: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_users, "_PAGE", 3)

    code, output = run(app, "export")

    rows = list(csv.DictReader(io.StringIO(output)))
    assert code == 0
    assert list(rows[0]) == FIELDS
    assert len(rows) == 7
    assert len({row["email"] for row in rows}) == 7
    assert "argon2" not in output
    by_name = {row["email"].partition("@")[0]: row for row in rows}
    assert by_name["phone"]["phone"] == "+447400123456"
    assert by_name["waiting"]["email_verified_at"] == ""
    assert by_name["plain"]["has_second_factor"] == "false"


def test_json_lines_are_exported_too(app: Flask, several: None) -> None:
    code, output = run(app, "export", "--format", "jsonl", "--with-password-hashes")

    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    assert len(rows) == 7
    assert list(rows[0]) == [*FIELDS, "password_hash"]
    assert all(row["password_hash"].startswith("$argon2id$") for row in rows)


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_an_export_is_imported_again_with_everything_in_it(
    app: Flask, several: None, tmp_path: Path, format: str
) -> None:
    first, second = tmp_path / f"first.{format}", tmp_path / f"second.{format}"
    how = ["--format", format, "--with-password-hashes", "--output"]
    assert run(app, "export", *how, str(first)) == (0, "accounts exported: 7\n")
    empty(app)

    code, output = run(app, "import", str(first), "--keep-ids")

    assert (code, output.splitlines()[-1]) == (
        0,
        "accounts imported: 7, already there: 0, refused: 0",
    )
    run(app, "export", *how, str(second))
    assert without_hashes(second, format) == without_hashes(first, format)
    sign_in(client := app.test_client(), "plain@example.org")
    assert is_signed_in(client)
    assert run(app, "import", str(second))[1].endswith("already there: 7, refused: 0\n")


def without_hashes(file: Path, format: str) -> list[dict[str, object]]:
    """Return an export's rows, without what an import changes."""
    text = file.read_text()
    parsed = (
        list(csv.DictReader(io.StringIO(text)))
        if format == "csv"
        else [json.loads(line) for line in text.splitlines()]
    )
    for row in parsed:
        del row["password_hash"]
        if row["email"] == "waiting@example.org":
            del row["created_at"]
    return parsed


def test_a_file_is_new_and_readable_by_its_owner_only(
    app: Flask, several: None, tmp_path: Path
) -> None:
    file = tmp_path / "export.csv"

    assert run(app, "export", "--output", str(file))[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code, output = run(app, "export", "--output", str(file))
    assert code == 1
    assert output == f"Error: {file}: File exists\n"
    assert run(app, "export", "--output", str(tmp_path / "no" / "folder"))[0] == 1
