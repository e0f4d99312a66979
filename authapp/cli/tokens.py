"""`flask tokens`: explain, scan for and purge tokens."""

import click

from authapp.cli.explain import explain_command
from authapp.cli.group import OneLineGroup
from authapp.cli.progress import with_progress
from authapp.cli.scan import scan_command
from authapp.services import purge

tokens_group = OneLineGroup("tokens", help="Explain, scan for and purge tokens.")
tokens_group.add_command(scan_command)
tokens_group.add_command(explain_command)


@tokens_group.command("purge")
def purge_command() -> None:
    """Delete rows that ended or expired more than 30 days ago."""
    click.echo(f"rows deleted: {sum(with_progress(purge.purge(), 'batches'))}")
