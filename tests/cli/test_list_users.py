"""`flask users list`: filters, pages and formats."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from authapp.models import User, db
from authapp.services import delete_account, list_users, roles, users
from tests.support.accounts import add_user
from tests.support.on_sqlite import on_sqlite


def run(app: Flask, *arguments: str) -> tuple[int, str, str]:
    ended = app.test_cli_runner().invoke(args=["users", "list", *arguments])
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.stdout, ended.stderr


def listed(app: Flask, *arguments: str) -> list[str]:
    """Return the local parts of the listed addresses."""
    code, output, errors = run(app, "--json", *arguments)
    assert code == 0, errors
    return [each["email"].partition("@")[0] for each in json.loads(output)["users"]]


@pytest.fixture
def people(app: Flask, move_time: Callable[..., Any]) -> None:
    """Five accounts, an hour between each and the next."""
    with app.app_context():
        for number, name in enumerate(["ada", "Bob", "carl", "dora", "e_va"]):
            with move_time(hours=number):
                user_id = add_user(f"{name}@{'bücher' if name == 'carl' else 'mail'}.example").id
            db.session.rollback()
            user = db.session.get_one(User, user_id)
            user.language = {"ada": "de-AT", "dora": "de", "e_va": "den"}.get(name)
            if name == "Bob":
                user.email_verified_at = None
            db.session.commit()
            if name == "carl":
                users.disable(user_id)
            if name in ("ada", "dora"):
                roles.grant(user_id, "support")
                roles.grant(user_id, "a_b" if name == "ada" else "axb")


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "e_va dora carl Bob ada"),
        (["--verified"], "e_va dora carl ada"),
        (["--unverified"], "Bob"),
        (["--disabled"], "carl"),
        (["--enabled", "--verified"], "e_va dora ada"),
        (["--role", "support"], "dora ada"),
        (["--role", "a_b"], "ada"),
        (["--role", "supp"], ""),
        (["--role", "admin"], ""),
        (["--language", "de"], "dora ada"),
        (["--language", "en"], "carl Bob"),
        (["--search", "BOB@"], "Bob"),
        (["--search", "e_v"], "e_va"),
        (["--search", "BÜCHER"], "carl"),
        (["--search", "bücher.example"], "carl"),
        (["--search", "xn--bcher"], "carl"),
        (["--search", "%"], ""),
        (["--search", "mail", "--role", "support", "--language", "de-AT"], "ada"),
        (["--created-since", "2001-01-01", "--unverified"], "Bob"),
        (["--created-since", "2999-01-01"], ""),
    ],
)
def test_conditions_apply_together(app: Flask, arguments: list[str], expected: str) -> None:
    assert " ".join(listed(app, *arguments)) == expected


@pytest.mark.usefixtures("people")
def test_each_account_is_on_one_page_even_if_others_come_and_go(
    app: Flask, move_time: Callable[..., Any]
) -> None:
    code, first, _ = run(app, "--json", "--limit", "2")
    page = json.loads(first)
    with app.app_context():
        with move_time(days=1):
            add_user("new@mail.example")
        delete_account.delete(users.find(page["users"][-1]["id"]).id)

    rest = listed(app, "--limit", "9", "--after", page["next"])

    assert code == 0
    assert [each["email"].partition("@")[0] for each in page["users"]] == ["e_va", "dora"]
    assert rest == ["carl", "Bob", "ada"]


def test_accounts_of_one_moment_are_not_lost_between_pages(app: Flask) -> None:
    with app.app_context():
        users_ids = [add_user(f"person-{number}@example.org").id for number in range(5)]
        moment = db.session.get_one(User, users_ids[0]).created_at
        db.session.execute(db.update(User).values(created_at=moment))
        db.session.commit()

        seen, position = [], None
        for _ in range(5):
            page = list_users.list_users(list_users.Wanted(), after=position, limit=1)
            seen += [user.id for user in page.users]
            position = page.next

    assert position is None
    assert seen == sorted(users_ids, reverse=True)


def test_an_empty_list_says_so(app: Flask) -> None:
    assert run(app) == (0, "no accounts match\n", "")
    assert listed(app) == []


@pytest.mark.usefixtures("people")
def test_text_has_a_line_for_each_account_and_says_how_to_continue(app: Flask) -> None:
    code, output, errors = run(app, "--limit", "1", "--role", "support")

    assert code == 0
    assert len(output.splitlines()) == 1
    assert "dora@mail.example" in output
    assert output.rstrip().endswith("active  de  axb support")
    assert errors.startswith("There are more: --after 20")
    position = errors.split()[-1]
    assert run(app, "--role", "support", "--after", position)[2] == ""


@on_sqlite
@pytest.mark.parametrize(
    "arguments",
    [
        ["--after", "nonsense"],
        ["--after", "2026-99-01T00:00:00.000000Z_00000000-0000-0000-0000-000000000000"],
        ["--created-since", "yesterday"],
        ["--limit", "0"],
        ["--limit", "1001"],
    ],
)
def test_a_malformed_option_is_a_usage_error(app: Flask, arguments: list[str]) -> None:
    code, _, errors = run(app, *arguments)

    assert code == 2
    assert arguments[0] in errors
