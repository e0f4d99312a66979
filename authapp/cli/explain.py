"""`flask tokens explain`: a token's kind, owner and state."""

import json
from datetime import datetime
from typing import Any, Final

import click
from flask.cli import with_appcontext

from authapp.cli.group import ValueCommand
from authapp.cli.options import json_option
from authapp.cli.output import iso_time, printable
from authapp.services import explain
from authapp.services.explain import Explained

MAX_CHARACTERS: Final = 8192
"""Characters read from standard input; more than any token has."""


@click.command("explain", cls=ValueCommand, reads_only=True)
@click.argument("value_or_id", metavar="VALUE-OR-ID")
@json_option
@with_appcontext
def explain_command(value_or_id: str, as_json: bool) -> None:
    """Show a token's kind, owner and state, and why it does not work.

    Takes a token, its id, or the kid of a signing key. With -, reads it from standard input, which
    keeps a token out of the shell history. Never prints the token.
    """
    if value_or_id == "-":
        with click.open_file("-", errors="replace") as piped:
            value_or_id = piped.read(MAX_CHARACTERS)
    explained = explain.explain(value_or_id.strip())
    if as_json:
        click.echo(json.dumps(_document(explained)))
    else:
        click.echo("\n".join(f"{name:18}{value}" for name, value in _lines(explained).items()))


def _document(explained: Explained) -> dict[str, Any]:
    facts = explained.facts.items()
    return {
        "kind": explained.kind,
        "id": str(explained.id),
        "account": str(explained.user_id) if explained.user_id else None,
        "is_valid": explained.refusal is None,
        "refusal": explained.refusal,
        **{name.replace(" ", "_"): _shown(value) if value else None for name, value in facts},
    }


def _lines(explained: Explained) -> dict[str, str]:
    known = {name: _shown(value) for name, value in explained.facts.items() if value}
    return {
        "kind": explained.kind,
        "state": f"invalid: {explained.refusal}" if explained.refusal else "valid",
        "id": str(explained.id),
        "account": str(explained.user_id or "-"),
        **known,
    }


def _shown(value: datetime | str) -> str:
    """Return a time to the second, or text without characters that could control the terminal."""
    if isinstance(value, datetime):
        return str(iso_time(value))
    return printable(value)
