"""`flask users list`: accounts, filtered, a page at a time."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import click
from flask.cli import with_appcontext

from authapp.cli.group import ValueCommand
from authapp.cli.options import json_option
from authapp.cli.output import iso_time
from authapp.cli.show_user import account_state, plain
from authapp.errors import InputRefused
from authapp.models import User
from authapp.services.list_users import PAGE, Wanted, list_users

_DATE: Final = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.command("list", cls=ValueCommand, reads_only=True)
@click.option("--search", help="Show only addresses that contain this text, in any case.")
@click.option(
    "is_verified", "--verified/--unverified", default=None, help="Whether the address is verified."
)
@click.option(
    "is_disabled", "--disabled/--enabled", default=None, help="Whether an operator disabled it."
)
@click.option("--role", help="Show only holders of this role.")
@click.option("--created-since", type=_DATE, help="Show only accounts since then, in UTC.")
@click.option("--language", help="Show only accounts with this language, such as `de`.")
@click.option("--limit", type=click.IntRange(1, 1000), default=PAGE, show_default=True)
@click.option("--after", help="Continue after the position that the previous page ended with.")
@json_option
@with_appcontext
def list_command(
    limit: int, after: str | None, as_json: bool, created_since: datetime | None, **others: Any
) -> None:
    """List accounts, newest first; all conditions must apply.

    If there are more, the last line, on standard error, says how to continue.
    """
    since = created_since and created_since.replace(tzinfo=UTC)
    wanted = Wanted(created_since=since, **others)
    try:
        page = list_users(wanted, after=after, limit=limit)
    except InputRefused as error:
        raise click.BadParameter("pass what --after said on the previous page") from error
    shown = [_as_document(user) for user in page.users]
    if as_json:
        click.echo(json.dumps({"users": shown, "next": page.next}))
        return
    if not shown:
        click.echo("no accounts match")
    for each in shown:
        click.echo("  ".join(plain(value) for value in each.values()))
    if page.next is not None:
        click.echo(f"There are more: --after {page.next}", err=True)


def _as_document(user: User) -> dict[str, Any]:
    return {
        "id": str(user.id),
        "created_at": iso_time(user.created_at),
        "email": user.email,
        "email_verified_at": iso_time(user.email_verified_at),
        "state": account_state(user),
        "language": user.language,
        "roles": user.roles.split(),
    }
