"""`flask security`: measure a deployment, and recover after a backup was restored."""

import click

from authapp.cli.conformance import conformance_command
from authapp.cli.enumeration import enumeration_command
from authapp.cli.group import OneLineGroup
from authapp.cli.options import yes_option
from authapp.cli.progress import with_progress
from authapp.services import database_restored

security_group = OneLineGroup(
    "security", help="Measure a deployment, and recover after a backup was restored."
)
security_group.add_command(enumeration_command)
security_group.add_command(conformance_command)


@security_group.command("database-restored")
@yes_option
@click.option(
    "--only-cache",
    is_flag=True,
    help="Only empty the cache: after a failover that lost seconds, in which nothing was revoked.",
)
def database_restored_command(yes: bool, only_cache: bool) -> None:
    """End everything that a restored database backup has brought back to life.

    A backup does not know what was revoked after it was taken. This replaces all signing keys, ends
    every session, API token and link, and empties the cache. Run it before the servers start again.
    """
    if only_cache:
        database_restored.empty_cache()
        click.echo("the cache is empty, and the database is trusted as it is")
        return
    if not yes:
        click.confirm("End every session, API token and link?", abort=True)
    ended = list(with_progress(database_restored.end_everything(), "batches"))
    click.echo(
        f"signing keys replaced; sessions ended: {sum(each.sessions for each in ended)}; "
        f"API tokens revoked: {sum(each.tokens for each in ended)}"
    )
