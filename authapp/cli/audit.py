"""`flask audit`: read, export and verify the audit log."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import click

from authapp import clock
from authapp.cli.durations import DURATION
from authapp.cli.group import OneLineGroup
from authapp.models import AuditEntry
from authapp.services import audit, audit_verification, users
from authapp.services.audit import Filter
from authapp.services.audit_chain import Head

audit_group = OneLineGroup("audit", help="Read, export and verify the audit log.")


class HeadType(click.ParamType[Head]):
    """A head of the chain, as the log has it: SEQUENCE:HASH."""

    name = "head"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        sequence, _, hash = str(value).partition(":")
        try:
            head = Head(int(sequence), bytes.fromhex(hash))
        except ValueError:
            head = Head(0, b"")
        if head.sequence < 1 or len(head.hash) != 32:
            self.fail(f"{value!a} is not a head such as 1042:9f86d0...", param, ctx)
        return head


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
        click.echo(json.dumps(audit.as_document(entry)))


@audit_group.command("verify", reads_only=True)
@click.option("--head", type=HeadType(), metavar="HEAD", help="A head from the log: SEQUENCE:HASH.")
def verify_command(head: Head | None) -> None:
    """Check that no entry was changed, moved, added or removed.

    Only a head from the log (`audit_head`) shows that the latest entries were cut off. Exits with
    1 and the first entry that is wrong.
    """
    found = audit_verification.verify(head)
    if found.fault is not None:
        raise click.ClickException(f"entry {found.fault.where}: {found.fault.reason}")
    click.echo(f"entries checked: {found.entries}, not yet in the chain: {found.waiting}")
    click.echo(f"head: {found.head or 'none'}")


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
