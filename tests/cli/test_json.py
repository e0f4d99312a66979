"""What lists or shows something prints JSON with `--json`."""

import json
from typing import Any

import click
from flask import Flask

from authapp.models import User
from authapp.services import invitations
from tests.api.calling import new_token, without_cookies
from tests.support.signing_keys import fetch_keys

WITHOUT_LIST = {
    "cache": {"warm", "flush", "backup", "restore"},
    "config": {"check"},
    "keys": {"ensure", "stage", "rotate", "revoke", "rewrap", "prune"},
    "outbox": {"run", "retry"},
    "security": {"database-restored"},
    "tokens": {"purge"},
    "webhooks": {"add", "test", "rotate-secret", "disable", "enable", "remove", "replay"},
}
"""Commands that do something, and say in one line what they did; without those of accounts."""


def printed(app: Flask, *arguments: str, input: str = "", code: int = 0) -> Any:
    ended = app.test_cli_runner().invoke(args=[*arguments, "--json"], input=input)
    assert ended.exit_code == code, ended.output
    return json.loads(ended.stdout)


def test_every_command_that_lists_something_has_the_option(app: Flask) -> None:
    for name, without in WITHOUT_LIST.items():
        group = app.cli.commands[name]
        assert isinstance(group, click.Group)
        listing = {
            each
            for each, command in group.commands.items()
            if any("--json" in option.opts for option in command.params)
        }
        assert listing == group.commands.keys() - without, name


def test_keys_and_the_programs_that_fetch_them(app: Flask) -> None:
    fetch_keys(without_cookies(app), "gateway/1.0")

    keys, (consumer,) = printed(app, "keys", "list"), printed(app, "keys", "consumers")

    assert [key["state"] for key in keys] == ["active", "next"]
    assert keys[0]["live_sessions"] == 0
    assert keys[0]["verifies_until"] is None
    assert (consumer["program"], consumer["has_newest"]) == ("gateway/1.0", True)


def test_messages_without_their_content(app: Flask, user: User) -> None:
    assert printed(app, "outbox", "list") == []
    with app.app_context():
        invitations.invite("invited@example.org")

    (message,) = printed(app, "outbox", "list")

    assert message["recipient"] == "invited@example.org"
    assert message["state"].startswith("due ")
    assert "body" not in message


def test_a_list_without_messages_says_so(app: Flask) -> None:
    ended = app.test_cli_runner().invoke(args=["outbox", "list", "--state", "dead"])

    assert ended.output == "no messages are dead\n"


def test_tokens_that_are_explained_and_found(app: Flask, user: User) -> None:
    value = new_token(app, user, "tokens:read", name="deploy")

    explained = printed(app, "tokens", "explain", value)
    found = printed(app, "tokens", "scan", input=f"a\n{value}\n", code=1)

    assert explained["kind"] == "API token"
    assert (explained["is_valid"], explained["refusal"]) == (True, None)
    assert explained["account"] == found["account"] == str(user.id)
    assert (found["file"], found["line"], found["state"]) == ("-", 2, "live")
    assert value not in json.dumps([explained, found])


def test_a_comparison_of_the_cache(app: Flask) -> None:
    assert printed(app, "cache", "check") == {"compared": 0, "differing": []}
