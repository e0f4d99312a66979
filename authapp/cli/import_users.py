"""`flask users import`: accounts that another system exported."""

import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import IO, Any, Final

import click
from flask.cli import with_appcontext

from authapp.cli import import_files
from authapp.cli.group import ValueCommand
from authapp.cli.import_files import Line, Unreadable
from authapp.cli.import_report import Report
from authapp.cli.progress import is_watched
from authapp.cli.refusals import sentence
from authapp.domain import imported_accounts
from authapp.domain.imported_accounts import Firebase, ImportedAccount, Reading, RecordRefused
from authapp.errors import InputRefused
from authapp.security.imported_passwords import Source
from authapp.services import import_users

CSV: Final = "csv"
JSON_LINES: Final = "jsonl"
_NAMES_OF_JSON: Final = (".json", ".jsonl", ".ndjson")

Add = Callable[[list[ImportedAccount]], list[str | None]]
"""Adds accounts, or only checks whether it could; returns why not, or None, for each."""


class NotRead(click.ClickException):
    """The file cannot be read."""

    exit_code = 2


@click.command("import", cls=ValueCommand)
@click.argument("file", type=click.Path())
@click.option(
    "--format",
    "format",
    type=click.Choice([CSV, JSON_LINES]),
    help="Format of FILE.  [default: jsonl if its name ends in .json, .jsonl or .ndjson, else csv]",
)
@click.option(
    "--from",
    "source",
    type=click.Choice([str(source) for source in Source]),
    default=str(Source.ANY),
    show_default=True,
    help="The system that hashed the passwords, if it also used a secret.",
)
@click.option("--firebase-rounds", type=click.IntRange(1, 8), default=8, show_default=True)
@click.option("--firebase-memory-cost", type=click.IntRange(1, 17), default=14, show_default=True)
@click.option("--firebase-salt-separator", default="Bw==", show_default=True, metavar="BASE64")
@click.option("--trust-emails", is_flag=True, help="Take every email address as verified.")
@click.option("--trust-phones", is_flag=True, help="Take every phone number as verified.")
@click.option("--keep-ids", is_flag=True, help="Keep the ids of accounts, which must be UUIDs.")
@click.option(
    "--batch",
    type=click.IntRange(1, import_users.MOST),
    default=500,
    show_default=True,
    help="Accounts to add in one transaction.",
)
@click.option(
    "--report",
    "report_to",
    type=click.File("w", encoding="utf-8"),
    help="File for the lines that were left out, and why.  [default: standard error]",
)
@click.option("--dry-run", is_flag=True, help="Only check the lines.")
@with_appcontext
def import_command(
    *,
    file: str,
    format: str | None,
    batch: int,
    report_to: IO[str] | None,
    dry_run: bool,
    **how: Any,
) -> None:
    """Add the accounts in FILE, or in standard input with -, and keep their passwords.

    FILE is CSV with a header, or has one JSON object in each line. Only `email` is required;
    docs/migration.md lists the other names, and the password hashes that are known. Run it again
    after an interruption: accounts that exist are skipped.

    Exits with 1 if a line was refused, with 2 if FILE cannot be read, and with 3 if the database is
    not available.
    """
    reading = _reading(**how)
    import_users.require_secret(reading.source)
    try:
        with click.open_file(file, "rb") as opened:
            add = import_users.Rehearsal().check if dry_run else _writer()
            lines = _lines(opened, _format(file, format))
            report = _import(lines, _size(opened), reading, Report(report_to), add, batch=batch)
    except OSError as error:
        raise NotRead(f"{file}: {error.strerror}") from error
    except Unreadable as error:
        raise NotRead(f"{file}: {error}") from error
    _finish(report, dry_run=dry_run)


def _reading(
    *,
    source: str,
    firebase_rounds: int,
    firebase_memory_cost: int,
    firebase_salt_separator: str,
    trust_emails: bool,
    trust_phones: bool,
    keep_ids: bool,
) -> Reading:
    """Return what the options say about the records."""
    return Reading(
        source=Source(source),
        firebase=Firebase(firebase_rounds, firebase_memory_cost, firebase_salt_separator),
        trusts_emails=trust_emails,
        trusts_phones=trust_phones,
        keeps_ids=keep_ids,
    )


def _format(file: str, given: str | None) -> str:
    return given or (JSON_LINES if file.lower().endswith(_NAMES_OF_JSON) else CSV)


def _import(
    lines: Iterator[Line],
    size: int | None,
    reading: Reading,
    report: Report,
    add: Add,
    *,
    batch: int,
) -> Report:
    is_shown = size is not None and is_watched()
    with click.progressbar(length=size or 1, label="importing", hidden=not is_shown) as bar:
        while several := list(islice(lines, batch)):
            _add(several, reading, report, add)
            bar.update(sum(line.size for line in several))
    return report


def _writer() -> Add:
    return partial(import_users.add, without_password=import_users.no_password())


def _lines(file: IO[bytes], format: str) -> Iterator[Line]:
    if format == JSON_LINES:
        return import_files.read_json_lines(file)
    ignored, lines = import_files.read_csv(file)
    if ignored:
        names = ", ".join(ascii(name) for name in ignored)
        click.echo(f"columns that are not imported: {names}", err=True)
    return lines


def _size(file: IO[bytes]) -> int | None:
    """Return the size of a regular file; a pipe has none."""
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _add(lines: list[Line], reading: Reading, report: Report, add: Add) -> None:
    accounts: dict[int, ImportedAccount] = {}
    for line in lines:
        try:
            accounts[line.number] = _account(line, reading)
        except RecordRefused as error:
            report.refuse(line.number, str(error))
        except InputRefused as error:
            report.refuse(line.number, sentence(error))
    reasons = add(list(accounts.values()))
    for number, reason in zip(accounts, reasons, strict=True):
        if reason is None:
            report.added += 1
        elif reason == import_users.EXISTS:
            report.skip(number, reason)
        else:
            report.refuse(number, reason)


def _account(line: Line, reading: Reading) -> ImportedAccount:
    if isinstance(line.record, RecordRefused):
        raise line.record
    return imported_accounts.read(line.record, reading)


def _finish(report: Report, *, dry_run: bool) -> None:
    done = "that would be imported" if dry_run else "imported"
    click.echo(
        f"accounts {done}: {report.added}, already there: {report.skipped},"
        f" refused: {report.refused}"
    )
    if report.refused:
        raise SystemExit(1)
