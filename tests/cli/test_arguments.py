"""How commands read their arguments: a value may begin with `-`."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask

from tests.support.on_sqlite import on_sqlite

Commands = dict[tuple[str, ...], click.Command]


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    ended = app.test_cli_runner().invoke(args=arguments)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.output


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command below a group with the words that invoke it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


@pytest.fixture
def taking_arguments(app: Flask) -> Commands:
    """Every command that takes an argument; `flask db` is Flask-Migrate's."""
    return {
        path: command
        for path, command in commands(app.cli)
        if any(isinstance(each, click.Argument) for each in command.params) and path[0] != "db"
    }


def got(command: click.Command, words: list[str]) -> str:
    """Return the value that a command's argument receives, or its type's refusal."""
    name = next(each.name for each in command.params if isinstance(each, click.Argument))
    try:
        value = command.make_context(command.name, list(words)).params[name]
    except click.BadParameter as refusal:
        return refusal.message.partition(" is not a valid")[0].strip("'")
    return " ".join(str(each) for each in (value if isinstance(value, tuple) else [value]))


@pytest.mark.parametrize("value", ["-", "-x", "-6WBLbbO3YA", "--6WBLbbO3YA", "--key=value"])
def test_every_command_accepts_a_value_that_begins_with_a_dash(
    taking_arguments: Commands, value: str
) -> None:
    assert len(taking_arguments) >= 12

    for command in taking_arguments.values():
        assert got(command, [value]) == value
        assert got(command, ["--", value]) == value
        for option in command.params:
            if isinstance(option, click.Option) and option.is_flag:
                assert got(command, [value, option.opts[0]]) == value
                assert got(command, [option.opts[0], value]) == value
        assert got(command, ["--", "--help"]) == "--help"


@pytest.mark.parametrize("value", ["-6WBLbbO3YA", "--6WBLbbO3YA"])
def test_every_command_answers_about_the_value(
    app: Flask,
    taking_arguments: Commands,
    value: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    # `backup` writes a file of that name.
    del taking_arguments["cache", "backup"]

    for path in taking_arguments:
        code, output = run(app, *path, value)

        assert code
        assert "No such option" not in output
        assert "extra argument" not in output
    assert run(app, "cache", "backup", value)[0] == 0
    assert (tmp_path / value).is_file()


def test_help_is_still_an_option(app: Flask, taking_arguments: Commands) -> None:
    for path in taking_arguments:
        code, output = run(app, *path, "--help")

        assert code == 0
        assert output.startswith("Usage: ")


@on_sqlite
@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["--jsn", "name@example.org"], "'--jsn'. Did you mean '--json'?"),
        (["name@example.org", "--jsn"], "'--jsn'. Did you mean '--json'?"),
        (["--jsn"], "'--jsn'. Did you mean '--json'?"),
        (["--hlep"], "'--hlep'. Did you mean '--help'?"),
        (["name@example.org", "--verbose"], "'--verbose'."),
        (["--verbose=1", "name@example.org"], "'--verbose'."),
        (["-v", "name@example.org", "--json"], "'-v'."),
    ],
)
def test_a_mistyped_option_is_named(app: Flask, words: list[str], refused: str) -> None:
    code, output = run(app, "users", "show", *words)

    assert code == 2
    assert output.splitlines()[-1] == f"Error: No such option {refused}"


def test_a_mistyped_option_is_named_by_a_command_without_arguments(app: Flask) -> None:
    code, output = run(app, "cache", "stats", "--jsn")

    assert code == 2
    assert output.splitlines()[-1] == "Error: No such option '--jsn'. Did you mean '--json'?"


def test_two_values_for_one_argument_are_refused(app: Flask) -> None:
    code, output = run(app, "users", "show", "one@example.org", "two@example.org")

    assert code == 2
    assert output.splitlines()[-1] == "Error: Got unexpected extra argument (two@example.org)"
