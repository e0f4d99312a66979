"""`flask users`: manage accounts."""

import json
from datetime import datetime
from typing import Any

import click

from authapp.cli.group import OneLineGroup
from authapp.cli.progress import with_progress
from authapp.domain import sessions
from authapp.domain.api_token_rules import end_reason
from authapp.domain.devices import device
from authapp.models import (
    OPERATORS_SCOPES,
    ActivityEvent,
    Passkey,
    RefreshToken,
    Scope,
    Token,
    User,
)
from authapp.services import delete_account, lost_factor, second_factors, users
from authapp.services.users import Description

users_group = OneLineGroup("users", help="Manage accounts.")

_who = click.argument("who", metavar="ADDRESS-OR-ID")
_scope = click.option(
    "--scope",
    type=click.Choice([str(scope) for scope in OPERATORS_SCOPES]),
    default=Scope.INTROSPECT.value,
    show_default=True,
    help="The scope, which other accounts cannot give to their tokens.",
)


@users_group.command("create")
@click.argument("address")
def create_command(address: str) -> None:
    """Create an account and email its owner a link to choose a password."""
    click.echo(
        f"created {users.create(address)}; its owner will receive a link to choose a password"
    )


@users_group.command("show")
@_who
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_command(who: str, as_json: bool) -> None:
    """Show an account with its latest sessions, API tokens and activity."""
    shown = _as_document(users.describe(users.find(who).id))
    click.echo(json.dumps(shown) if as_json else _as_text(shown))


@users_group.command("disable")
@_who
def disable_command(who: str) -> None:
    """Block sign-in, and end every session and API token at once."""
    user_id = users.find(who).id
    users.disable(user_id)
    click.echo(f"disabled {user_id}")


@users_group.command("enable")
@_who
def enable_command(who: str) -> None:
    """Allow the owner to sign in again."""
    user_id = users.find(who).id
    users.enable(user_id)
    click.echo(f"enabled {user_id}")


@users_group.command("grant")
@_who
@_scope
def grant_command(who: str, scope: str) -> None:
    """Allow an account to create API tokens that can ask about the tokens of every account."""
    user_id = users.find(who).id
    users.grant(user_id, Scope(scope))
    click.echo(f"granted {scope} to {user_id}")


@users_group.command("withdraw")
@_who
@_scope
def withdraw_command(who: str, scope: str) -> None:
    """Undo `grant`, and revoke the account's API tokens that have the scope."""
    click.echo(f"API tokens revoked: {users.withdraw(users.find(who).id, Scope(scope))}")


@users_group.command("sign-out")
@click.argument("who", metavar="ADDRESS-OR-ID", required=False)
@click.option("--all", "everyone", is_flag=True, help="Sign out every account.")
@click.option("--tokens", is_flag=True, help="Revoke every API token and link, too.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
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
@_who
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
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
@_who
def allow_codes_command(who: str) -> None:
    """Forget the wrong codes that were entered for an account, so that its owner can try again.

    This covers emailed and texted codes, codes of an authenticator app, and recovery codes.
    """
    user_id = users.find(who).id
    users.allow_codes(user_id)
    click.echo(f"forgot the wrong codes of {user_id}")


@users_group.command("stop-lost-factor")
@_who
def stop_lost_factor_command(who: str) -> None:
    """Stop the waiting time after which the password alone signs in, and tell the owner."""
    user_id = users.find(who).id
    lost_factor.stop(user_id, client=None)
    click.echo(f"stopped the waiting time of {user_id}")


@users_group.command("delete")
@_who
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def delete_command(who: str, yes: bool) -> None:
    """Permanently delete an account and everything that belongs to it."""
    user = users.find(who)
    user_id = user.id
    if not yes:
        click.confirm(f"Permanently delete {user.email} ({user_id})?", abort=True)
    delete_account.delete(user_id)
    click.echo(f"deleted {user_id}")


def _as_document(found: Description) -> dict[str, Any]:
    user = found.user
    return {
        "id": str(user.id),
        "email": user.email,
        "email_verified_at": _time(user.email_verified_at),
        "phone": user.phone,
        "phone_verified_at": _time(user.phone_verified_at),
        "created_at": _time(user.created_at),
        "password_changed_at": _time(user.password_changed_at),
        "state": _state(user),
        "granted_scopes": user.granted_scopes,
        "second_factor_since": _time(found.second_factors.since),
        "second_factor_lost_until": _time(found.waits_until),
        "passkeys": [_passkey(each) for each in found.second_factors.passkeys],
        "sessions": [_session(each) for each in found.sessions],
        "tokens": [_token(each) for each in found.tokens],
        "activity": [_event(each) for each in found.events],
    }


def _state(user: User) -> str:
    if user.disabled_at is not None:
        return f"disabled since {_time(user.disabled_at)}"
    if user.frozen_at is not None:
        return f"frozen since {_time(user.frozen_at)}"
    if user.delete_at is not None:
        return f"closed, due for deletion at {_time(user.delete_at)}"
    return "active"


def _passkey(passkey: Passkey) -> dict[str, Any]:
    return {
        "name": passkey.name,
        "created_at": _time(passkey.created_at),
        "last_used_at": _time(passkey.last_used_at),
        "reported_at": _time(passkey.reported_at),
    }


def _session(session: RefreshToken) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "device": _device(session.user_agent),
        "signed_in_at": _time(session.created_at),
        "signed_in_from": session.created_address,
        "last_used_at": _time(session.last_used_at),
        "last_used_from": session.last_used_address,
        "expires_at": _time(session.expires_at),
        "ended_at": _time(session.ended_at),
        "state": sessions.end_reason(session) or "active",
    }


def _token(token: Token) -> dict[str, Any]:
    return {
        "id": str(token.id),
        "name": token.name,
        "scopes": token.scopes.split(),
        "created_at": _time(token.created_at),
        "expires_at": _time(token.expires_at),
        "state": end_reason(token) or "active",
    }


def _event(event: ActivityEvent) -> dict[str, Any]:
    return {
        "at": _time(event.created_at),
        "activity": event.activity,
        "address": event.address,
        "device": _device(event.user_agent) if event.user_agent else None,
        "details": event.details,
    }


def _device(user_agent: str) -> str:
    found = device(user_agent)
    return " on ".join(part for part in found if part) or "unknown device"


def _time(value: datetime | None) -> str | None:
    return value.isoformat(timespec="seconds") if value else None


def _as_text(shown: dict[str, Any]) -> str:
    """Format a document as text, without characters that could control the terminal."""
    facts = {name: value for name, value in shown.items() if not isinstance(value, list)}
    lines = [f"{name:26}{_plain(value)}" for name, value in facts.items()]
    for name in ("passkeys", "sessions", "tokens", "activity"):
        lines += ["", f"{name}:" if shown[name] else f"{name}: none"]
        for each in shown[name]:
            said = [f"{key}={_plain(value)}" for key, value in each.items() if value]
            lines.append("  " + "  ".join(said))
    return "\n".join(lines)


def _plain(value: Any) -> str:
    text = "-" if value is None else str(value)
    return "".join(letter if letter.isprintable() else "?" for letter in text)
