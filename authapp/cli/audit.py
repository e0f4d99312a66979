"""`flask audit`: read, export, verify and purge the audit log."""

import json
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

import click

from authapp import clock
from authapp.cli.durations import DURATION
from authapp.cli.group import OneLineGroup
from authapp.cli.progress import with_progress
from authapp.models import AuditEntry
from authapp.services import audit, audit_purge, audit_verification, users
from authapp.services.audit import Filter
from authapp.services.audit_chain import Head

audit_group = OneLineGroup("audit", help="Read, export, verify and purge the audit log.")


class HeadType(click.ParamType[Head]):
    """A head of the chain, as the log has it: SEQUENCE:HASH."""

    name = "head"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        try:
            return Head.parse(str(value))
        except ValueError:
            self.fail(f"{value!a} is not a head such as 1042:9f86d0...", param, ctx)


@audit_group.command("list", reads_only=True)
@click.option("--account", metavar="ADDRESS-OR-ID", help="Only entries about this account.")
@click.option("--action", help="Only this action, such as account_disabled or command.")
@click.option("--since", type=DURATION, metavar="DURATION", help="Only the last 7d, 12h, ...")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(
    account: str | None, action: str | None, since: timedelta | None, limit: int, as_json: bool
) -> None:
    """List entries, newest first.

    The worker adds new entries within seconds. The id of a deleted account works, too.
    """
    chosen = Filter(
        account_id=_account_id(account),
        action=action,
        since=clock.now() - since if since is not None else None,
    )
    found = audit.list_entries(chosen, limit=limit)
    if as_json:
        click.echo(json.dumps([audit.as_document(entry) for entry in found]))
        return
    for entry in found:
        click.echo(_row(entry))


@audit_group.command("export", reads_only=True)
def export_command() -> None:
    """Print every entry of the chain as a line of JSON, oldest first."""
    for entry in audit.every_entry():
        click.echo(_line(entry))


@audit_group.command("verify", reads_only=True)
@click.option("--head", type=HeadType(), metavar="HEAD", help="A head from the log: SEQUENCE:HASH.")
@click.option(
    "--archive",
    "archives",
    type=click.File(encoding="utf-8"),
    multiple=True,
    help="A file with purged entries, which come first; can be repeated, oldest first.",
)
def verify_command(head: Head | None, archives: tuple[TextIO, ...]) -> None:
    """Check that no entry was changed, moved, added or removed.

    Only a head from the log (`audit_head`) shows that the latest entries were cut off. Entries that
    were purged are checked if they are in archives. Exits with 1 and the first entry that is wrong.
    """
    found = audit_verification.verify(head, _archived(archives))
    if found.fault is not None:
        raise click.ClickException(f"entry {found.fault.where}: {found.fault.reason}")
    click.echo(f"entries checked: {found.entries}, not yet in the chain: {found.waiting}")
    if found.first is not None and found.first > 1:
        click.echo(f"purged before: {found.first - 1}")
    click.echo(f"head: {found.head or 'none'}")


@audit_group.command("purge")
@click.option(
    "--archive",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the entries to this new file first, as lines of JSON.",
)
def purge_command(archive: Path | None) -> None:
    """Delete entries that are older than AUDIT_RETENTION, if all of them are as authapp wrote them.

    The rest can still be verified. `flask tokens purge` does the same, without an archive.
    """
    with audit_purge.only_one():
        number = _purge(archive)
    click.echo(f"entries deleted: {number}")


def _purge(archive: Path | None) -> int:
    last = audit_purge.last_due()
    if last is None:
        return 0
    if archive is not None:
        _write(archive, audit.every_entry(through=last.sequence))
    return sum(with_progress(audit_purge.purge(last), "batches"))


def _write(path: Path, entries: Iterable[AuditEntry]) -> None:
    """Write a new file, and wait until it is on the disk."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.writelines(f"{_line(entry)}\n" for entry in entries)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}; nothing was deleted") from error


def _archived(files: Iterable[TextIO]) -> Iterator[AuditEntry]:
    for file in files:
        for number, line in enumerate(file, 1):
            try:
                yield audit.from_document(json.loads(line))
            except ValueError as error:
                raise click.ClickException(f"{file.name}, line {number}: {error}") from error


def _line(entry: AuditEntry) -> str:
    return json.dumps(audit.as_document(entry))


def _account_id(named: str | None) -> UUID | None:
    if named is None:
        return None
    try:
        return UUID(named)
    except ValueError:
        return users.find(named).id


def _row(entry: AuditEntry) -> str:
    details = "  ".join(f"{name}={text}" for name, text in sorted(entry.details.items()))
    about = entry.account_id or "-"
    line = f"{entry.sequence:>8}  {entry.at:%Y-%m-%d %H:%M:%S}  {entry.action:26}  {about!s:36}"
    return f"{line}  {entry.actor}  {details}".rstrip()
