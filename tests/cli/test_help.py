"""The help of every command, on a terminal of 80 columns."""

import click
import pytest
from flask import Flask

from authapp.cli.group import first_sentence

COLUMNS = 80


def our_groups(app: Flask) -> dict[str, click.Group]:
    """Every group that has commands; `flask db` is Flask-Migrate's."""
    return {
        name: group
        for name, group in app.cli.commands.items()
        if isinstance(group, click.Group) and name != "db"
    }


def help_of(app: Flask, *path: str) -> str:
    runner = app.test_cli_runner(env={"COLUMNS": str(COLUMNS)})
    ended = runner.invoke(args=[*path, "--help"], terminal_width=COLUMNS)
    assert ended.exit_code == 0, ended.output
    return ended.output


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_every_group_lists_its_commands_with_whole_sentences(app: Flask) -> None:
    groups = our_groups(app)
    assert len(groups) >= 7

    for name, group in groups.items():
        listing = unwrapped(help_of(app, name))
        for command_name, command in group.commands.items():
            sentence = first_sentence(command)
            assert sentence.endswith("."), f"{name} {command_name}"
            assert f"{command_name} {sentence}" in listing
        assert "..." not in listing.replace("[FILE]...", "").replace("[ARGS]...", "")


def test_the_groups_are_described_in_whole_sentences(app: Flask) -> None:
    room = COLUMNS - 2 - 6 - max(len(name) for name in app.cli.commands)

    for group in our_groups(app).values():
        assert len(group.help or "") <= room, group.help
        assert (group.help or "").endswith(".")


def test_every_command_explains_itself_and_its_options(app: Flask) -> None:
    for name, group in our_groups(app).items():
        for command_name, command in group.commands.items():
            said = help_of(app, name, command_name)
            assert max(len(line) for line in said.splitlines()) <= COLUMNS
            assert unwrapped(command.help or "") in unwrapped(said)
            for each in command.params:
                if isinstance(each, click.Option) and each.help:
                    assert unwrapped(each.help) in unwrapped(said)


@pytest.mark.parametrize("path", ["users invite", "users sign-out", "outbox list"])
def test_a_wrong_call_shows_how_to_get_help(app: Flask, path: str) -> None:
    ended = app.test_cli_runner().invoke(args=[*path.split(), "--nonsense", "x", "y", "z"])

    assert ended.exit_code == 2
    assert f"{path} --help' for help" in ended.output
