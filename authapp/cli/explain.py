"""`flask tokens explain`: what a token is, whose, and why it does not work."""

from datetime import datetime
from typing import Final

import click
from flask.cli import with_appcontext

from authapp.cli.group import ValueCommand
from authapp.services import explain
from authapp.services.explain import Explained

LONGEST: Final = 8192
"""Characters that are read of what is piped in; no token has as many."""


@click.command("explain", cls=ValueCommand)
@click.argument("value_or_id", metavar="VALUE-OR-ID")
@with_appcontext
def explain_command(value_or_id: str) -> None:
    """Say what a token is, whose, and whether it stands; never the token itself.

    Takes the token, its row's id, or a signing key's kid. With - it is read from what is piped
    in, which keeps a token out of the shell's history.
    """
    if value_or_id == "-":
        with click.open_file("-", errors="replace") as piped:
            value_or_id = piped.read(LONGEST)
    explained = explain.explain(value_or_id.strip())
    click.echo("\n".join(f"{name:18}{value}" for name, value in _lines(explained).items()))


def _lines(explained: Explained) -> dict[str, str]:
    known = {name: _shown(value) for name, value in explained.facts.items() if value}
    return {
        "kind": explained.kind,
        "state": f"over: {explained.over}" if explained.over else "stands",
        "id": str(explained.id),
        "account": str(explained.user_id or "-"),
        **known,
    }


def _shown(value: datetime | str) -> str:
    """Return a time to the second, or a text without what would move a terminal's cursor."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return "".join(letter if letter.isprintable() else "?" for letter in value)
