"""`flask users export`: every account, for another system or for `flask users import`."""

import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

import click
from flask.cli import with_appcontext

from authapp.cli.group import ValueCommand
from authapp.cli.progress import with_progress
from authapp.services import export_users
from authapp.services.export_users import ExportedAccount

CSV: Final = "csv"
JSON_LINES: Final = "jsonl"


@click.command("export", cls=ValueCommand)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A new file.")
@click.option(
    "--format",
    "format",
    type=click.Choice([CSV, JSON_LINES]),
    default=CSV,
    show_default=True,
)
@click.option("--with-password-hashes", is_flag=True, help="Include the password hashes.")
@with_appcontext
def export_command(output: Path | None, format: str, with_password_hashes: bool) -> None:
    """Write every account to standard output, or to a new file that only you can read.

    `flask users import` reads it. Sessions, tokens, second factors and activity are not in it.
    """
    pages = export_users.export(with_password_hashes=with_password_hashes)
    fields = ExportedAccount._fields if with_password_hashes else ExportedAccount._fields[:-1]
    if output is None:
        _write(sys.stdout, pages, fields, format)
        return
    try:
        with _new_file(output) as file:
            number = _write(file, with_progress(pages, "pages"), fields, format)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from error
    click.echo(f"accounts exported: {number}")


@contextmanager
def _new_file(path: Path) -> Iterator[IO[str]]:
    """Create a file, and delete it again if it is not completed."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


def _write(
    file: IO[str],
    pages: Iterator[Sequence[ExportedAccount]],
    fields: Sequence[str],
    format: str,
) -> int:
    writer = csv.writer(file, lineterminator="\n")
    if format == CSV:
        writer.writerow(fields)
    number = 0
    for page in pages:
        number += len(page)
        for account in page:
            values = [_plain(getattr(account, name)) for name in fields]
            if format == CSV:
                writer.writerow(_cell(value) for value in values)
            else:
                file.write(json.dumps(dict(zip(fields, values, strict=True))) + "\n")
    return number


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
