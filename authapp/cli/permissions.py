"""`flask users grant` and `flask users withdraw`: roles, and operators' scopes of API tokens."""

from collections.abc import Callable
from typing import Any

import click
from flask.cli import with_appcontext

from authapp.cli.group import ValueCommand
from authapp.cli.options import who_argument
from authapp.domain.roles import MAX_CHARACTERS, parse_role
from authapp.errors import InputRefused
from authapp.models import OPERATORS_SCOPES, Scope
from authapp.services import roles, users


def well_formed_role(_ctx: click.Context, _param: click.Parameter, role: str | None) -> str | None:
    """Return the name of a role, or refuse the argument."""
    try:
        return role and parse_role(role)
    except InputRefused as error:
        raise click.BadParameter(
            f"use at most {MAX_CHARACTERS} lowercase letters, digits, `-` and `_`, and begin with"
            " a letter or a digit"
        ) from error


def _permission(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments that both commands take."""
    for add in (
        click.option(
            "--scope",
            type=click.Choice([str(scope) for scope in OPERATORS_SCOPES]),
            help="A scope for API tokens that other accounts cannot give to theirs.",
        ),
        click.argument("role", required=False, callback=well_formed_role),
        who_argument,
    ):
        command = add(command)
    return command


@click.command("grant", cls=ValueCommand)
@_permission
@with_appcontext
def grant_command(who: str, role: str | None, scope: str | None) -> None:
    """Give an account a role, or a scope that its API tokens may then have.

    Roles are names for the programs that accept this site's users, such as `support`.
    """
    _require_one(role, scope)
    user_id = users.find(who).id
    if role is not None:
        roles.grant(user_id, role)
    if scope is not None:
        users.grant(user_id, Scope(scope))
    click.echo(f"granted {role or scope} to {user_id}")


@click.command("withdraw", cls=ValueCommand)
@_permission
@with_appcontext
def withdraw_command(who: str, role: str | None, scope: str | None) -> None:
    """Undo `grant`. API tokens that have the scope are revoked; sessions go on without the role."""
    _require_one(role, scope)
    user_id = users.find(who).id
    if role is not None:
        roles.withdraw(user_id, role)
        click.echo(f"withdrew {role} from {user_id}")
    if scope is not None:
        click.echo(f"API tokens revoked: {users.withdraw(user_id, Scope(scope))}")


def _require_one(role: str | None, scope: str | None) -> None:
    if (role is None) is (scope is None):
        raise click.UsageError("pass either ROLE or --scope")
