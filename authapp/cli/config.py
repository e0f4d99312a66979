"""`flask config`: check the settings before a deployment."""

import click

from authapp.cli.group import OneLineGroup

config_group = OneLineGroup("config", help="Check the settings.")


@config_group.command("check", reads_only=True)
def check_command() -> None:
    """Check every setting; exit with 1 and one line for each fault."""
    # With any fault, the application could not have been created for this command.
    click.echo("all settings are valid")
