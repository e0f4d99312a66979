"""`flask tokens scan`: find API tokens in text, without network access."""

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import IO, Final

import click
from flask.cli import with_appcontext

from authapp.cli.group import ValueCommand, one_line
from authapp.cli.output import printable
from authapp.cli.recording import recording
from authapp.config import current_settings
from authapp.models import RevokeReason
from authapp.security.token_scanner import scan
from authapp.services import leaked_tokens

CHUNK_BYTES: Final = 1 << 20
_ROW: Final = "{file}:{line}  {id}  …{last_four}  {account}  {state}"
LIVE_FOUND: Final = 1


class NotDone(click.ClickException):
    """Something could not be read or looked up."""

    exit_code = 2


@click.command("scan", cls=ValueCommand, reads_only=True)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@click.option("--revoke", is_flag=True, help="Revoke live tokens and email their owners.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@with_appcontext
def scan_command(files: Sequence[str], revoke: bool, as_json: bool) -> None:
    """Find API tokens in FILEs or standard input.

    Prints the position of each token, its id, its last four characters, its owner's id and its
    state, but never the token. Exits with 0 if no token is live, 1 if one is (or was, before
    --revoke), and 2 if something could not be read or looked up.
    """
    live = failed = 0
    recorded = recording(click.get_current_context()) if revoke else nullcontext()
    with one_line(NotDone), recorded:
        for name in files or ("-",):
            try:
                with click.open_file(name, "rb") as file:
                    live += sum(_report(name, file, revoke=revoke, as_json=as_json))
            except OSError as error:
                click.echo(f"{_shown(name)}: {error.strerror}", err=True)
                failed += 1
    if live or failed:
        raise SystemExit(LIVE_FOUND if live else NotDone.exit_code)


def _report(name: str, file: IO[bytes], *, revoke: bool, as_json: bool) -> Iterator[bool]:
    """Print each token in a file, and yield whether it is live."""
    look_up = lru_cache(maxsize=1024)(leaked_tokens.look_up)
    chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
    for line, value in scan(chunks, current_settings().tokens.api_token_prefix):
        sighting = look_up(value)
        if sighting is None:
            continue
        state = sighting.end_reason or "live"
        if sighting.end_reason is None and revoke:
            leaked_tokens.revoke(value, RevokeReason.LEAK_FOUND)
            state = "live, now revoked"
        found = {
            "file": _shown(name),
            "line": line,
            "id": str(sighting.id),
            "last_four": sighting.last_four,
            "account": str(sighting.user_id),
            "state": state,
        }
        click.echo(json.dumps(found) if as_json else _ROW.format(**found))
        yield sighting.end_reason is None


def _shown(name: str) -> str:
    """Return a file's name without characters that could control the terminal."""
    return printable(name, instead="\ufffd")
