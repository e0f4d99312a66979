"""`flask users`: manage accounts."""

import click

from authapp.cli.group import OneLineGroup
from authapp.cli.invitations import invite_again_command, invite_command, send_reset_command
from authapp.cli.list_users import list_command
from authapp.cli.options import who_argument, yes_option
from authapp.cli.permissions import grant_command, withdraw_command
from authapp.cli.progress import with_progress
from authapp.cli.show_user import show_command
from authapp.services import delete_account, lost_factor, second_factors, users

users_group = OneLineGroup("users", help="Manage accounts.")
for _command in (
    list_command,
    show_command,
    invite_command,
    invite_again_command,
    send_reset_command,
    grant_command,
    withdraw_command,
):
    users_group.add_command(_command)


@users_group.command("disable")
@who_argument
def disable_command(who: str) -> None:
    """Block sign-in, and end every session and API token at once."""
    user_id = users.find(who).id
    users.disable(user_id)
    click.echo(f"disabled {user_id}")


@users_group.command("enable")
@who_argument
def enable_command(who: str) -> None:
    """Allow the owner to sign in again."""
    user_id = users.find(who).id
    users.enable(user_id)
    click.echo(f"enabled {user_id}")


@users_group.command("sign-out")
@click.argument("who", metavar="ADDRESS-OR-ID", required=False)
@click.option("--all", "everyone", is_flag=True, help="Sign out every account.")
@click.option("--tokens", is_flag=True, help="Revoke every API token and link, too.")
@yes_option
def sign_out_command(who: str | None, everyone: bool, tokens: bool, yes: bool) -> None:
    """End every session of one account, or of all accounts after a leak.

    API tokens keep working without --tokens.
    """
    if (who is None) is not everyone:
        raise click.UsageError("pass either ADDRESS-OR-ID or --all")
    if who is not None:
        ended = [users.sign_out(users.find(who).id, tokens=tokens)]
    else:
        if not yes:
            click.confirm("Sign out every user?", abort=True)
        ended = list(with_progress(users.sign_out_everyone(tokens=tokens), "batches"))
    click.echo(f"sessions ended: {sum(each.sessions for each in ended)}")
    if tokens:
        click.echo(f"API tokens revoked: {sum(each.tokens for each in ended)}")


@users_group.command("remove-second-factor")
@who_argument
@yes_option
def remove_second_factor_command(who: str, yes: bool) -> None:
    """Allow sign-in with the password alone, for an owner who lost every second factor.

    It removes the authenticator app, all passkeys and the recovery codes.

    Check first that it is the owner who asks. They are told by email.
    """
    user = users.find(who)
    user_id = user.id
    if not yes:
        click.confirm(f"Remove the second factor of {user.email} ({user_id})?", abort=True)
    second_factors.remove_all(user_id)
    click.echo(f"removed the second factor of {user_id}")


@users_group.command("allow-codes")
@who_argument
def allow_codes_command(who: str) -> None:
    """Forget the wrong codes that were entered for an account, so that its owner can try again.

    This covers emailed and texted codes, codes of an authenticator app, and recovery codes.
    """
    user_id = users.find(who).id
    users.allow_codes(user_id)
    click.echo(f"forgot the wrong codes of {user_id}")


@users_group.command("stop-lost-factor")
@who_argument
def stop_lost_factor_command(who: str) -> None:
    """Stop the waiting time after which the password alone signs in, and tell the owner."""
    user_id = users.find(who).id
    lost_factor.stop(user_id, client=None)
    click.echo(f"stopped the waiting time of {user_id}")


@users_group.command("delete")
@who_argument
@yes_option
def delete_command(who: str, yes: bool) -> None:
    """Permanently delete an account and everything that belongs to it."""
    user = users.find(who)
    user_id = user.id
    if not yes:
        click.confirm(f"Permanently delete {user.email} ({user_id})?", abort=True)
    delete_account.delete(user_id)
    click.echo(f"deleted {user_id}")
