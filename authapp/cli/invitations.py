"""`flask users invite`, `re-invite` and `send-reset`: links with which owners choose a password."""

import click
from flask.cli import with_appcontext

from authapp.cli.group import ValueCommand
from authapp.cli.options import who_argument
from authapp.cli.permissions import well_formed_role
from authapp.services import invitations, password_reset, users


@click.command("invite", cls=ValueCommand)
@click.argument("address")
@click.option(
    "--role",
    "roles",
    multiple=True,
    callback=lambda context, param, values: [
        well_formed_role(context, param, each) for each in values
    ],
    help="A role of the new account; can be repeated.",
)
@click.option("--language", help="The language of its emails and pages, such as `de`.")
@with_appcontext
def invite_command(address: str, roles: list[str], language: str | None) -> None:
    """Create an account and email its owner a link to choose a password.

    The link works once, until INVITATION_LIFETIME. To withdraw an invitation, delete the account.
    """
    user_id = invitations.invite(address, given=roles, language=language)
    click.echo(f"created {user_id}; its owner will receive a link to choose a password")


@click.command("re-invite", cls=ValueCommand)
@who_argument
@with_appcontext
def invite_again_command(who: str) -> None:
    """Email an invitation again; the new link replaces the earlier ones."""
    user_id = users.find(who).id
    invitations.invite_again(user_id)
    click.echo(f"invited {user_id} again")


@click.command("send-reset", cls=ValueCommand)
@who_argument
@with_appcontext
def send_reset_command(who: str) -> None:
    """Email an owner a link to reset the password."""
    user_id = users.find(who).id
    password_reset.send(user_id)
    click.echo(f"{user_id} will receive a link to reset the password")
