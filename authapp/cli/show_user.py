"""`flask users show`: an account, as text or JSON."""

import json
from typing import Any, Final

import click
from flask.cli import with_appcontext

from authapp.cli.group import ValueCommand
from authapp.cli.options import json_option, who_argument
from authapp.cli.output import iso_time, printable
from authapp.domain import sessions
from authapp.domain.api_token_rules import end_reason
from authapp.domain.devices import device
from authapp.models import ActivityEvent, Passkey, RefreshToken, Token, User
from authapp.services import users
from authapp.services.users import Description

_LISTS: Final = ("passkeys", "sessions", "tokens", "activity")


@click.command("show", cls=ValueCommand, reads_only=True)
@who_argument
@json_option
@with_appcontext
def show_command(who: str, as_json: bool) -> None:
    """Show an account with its latest sessions, API tokens and activity."""
    shown = _as_document(users.describe(users.find(who).id))
    click.echo(json.dumps(shown) if as_json else _as_text(shown))


def _as_document(found: Description) -> dict[str, Any]:
    user = found.user
    return {
        "id": str(user.id),
        "email": user.email,
        "email_verified_at": iso_time(user.email_verified_at),
        "phone": user.phone,
        "phone_verified_at": iso_time(user.phone_verified_at),
        "created_at": iso_time(user.created_at),
        "password_changed_at": iso_time(user.password_changed_at),
        "state": account_state(user),
        "granted_scopes": user.granted_scopes,
        "roles": user.roles.split(),
        "second_factor_since": iso_time(found.second_factors.since),
        "second_factor_lost_until": iso_time(found.waits_until),
        "passkeys": [_passkey(each) for each in found.second_factors.passkeys],
        "sessions": [_session(each) for each in found.sessions],
        "tokens": [_token(each) for each in found.tokens],
        "activity": [_event(each) for each in found.events],
    }


def account_state(user: User) -> str:
    """Return whether the account can be used, and since when it cannot."""
    if user.disabled_at is not None:
        return f"disabled since {iso_time(user.disabled_at)}"
    if user.frozen_at is not None:
        return f"frozen since {iso_time(user.frozen_at)}"
    if user.delete_at is not None:
        return f"closed, due for deletion at {iso_time(user.delete_at)}"
    return "active"


def _passkey(passkey: Passkey) -> dict[str, Any]:
    return {
        "name": passkey.name,
        "created_at": iso_time(passkey.created_at),
        "last_used_at": iso_time(passkey.last_used_at),
        "reported_at": iso_time(passkey.reported_at),
    }


def _session(session: RefreshToken) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "device": _device(session.user_agent),
        "signed_in_at": iso_time(session.created_at),
        "signed_in_from": session.created_address,
        "last_used_at": iso_time(session.last_used_at),
        "last_used_from": session.last_used_address,
        "expires_at": iso_time(session.expires_at),
        "ended_at": iso_time(session.ended_at),
        "state": sessions.end_reason(session) or "active",
    }


def _token(token: Token) -> dict[str, Any]:
    return {
        "id": str(token.id),
        "name": token.name,
        "scopes": token.scopes.split(),
        "created_at": iso_time(token.created_at),
        "expires_at": iso_time(token.expires_at),
        "state": end_reason(token) or "active",
    }


def _event(event: ActivityEvent) -> dict[str, Any]:
    return {
        "at": iso_time(event.created_at),
        "activity": event.activity,
        "address": event.address,
        "device": _device(event.user_agent) if event.user_agent else None,
        "details": event.details,
    }


def _device(user_agent: str) -> str:
    found = device(user_agent)
    return " on ".join(part for part in found if part) or "unknown device"


def _as_text(shown: dict[str, Any]) -> str:
    """Format a document as text, without characters that could control the terminal."""
    lines = [f"{name:26}{plain(value)}" for name, value in shown.items() if name not in _LISTS]
    for name in _LISTS:
        lines += ["", f"{name}:" if shown[name] else f"{name}: none"]
        for each in shown[name]:
            said = [f"{key}={plain(value)}" for key, value in each.items() if value]
            lines.append("  " + "  ".join(said))
    return "\n".join(lines)


def plain(value: Any) -> str:
    """Return a value as text that cannot control the terminal."""
    text = " ".join(value) if isinstance(value, list) else str(value or "")
    return printable(text or "-")
