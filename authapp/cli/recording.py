"""Records commands in the audit log: who ran which, with what, about which account."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import click

from authapp.domain import audit
from authapp.errors import DomainError
from authapp.services import users
from authapp.services.audit import record_command, record_failed_command

_ACCOUNTS: Final = ("who", "address", "email")
"""Arguments that name an account; its id is recorded instead."""

_NAMES: Final = ("kid", "pattern", "role", "scope")
"""Arguments whose text is neither secret nor personal."""


@contextmanager
def recording(ctx: click.Context) -> Iterator[None]:
    """Record a command before it runs, and again if it fails.

    So no command changes anything without an entry, even if it is killed.
    """
    command, account_id = _name(ctx), _account(ctx.params)
    with audit.acting_as(audit.operator(_user())):
        record_command(command, account_id, _details(ctx.params))
        try:
            yield
        except click.exceptions.Exit:
            raise
        except Exception as error:
            # The error says more than that it could not be recorded.
            with suppress(Exception):
                record_failed_command(command, account_id, type(error).__name__)
            raise


def _user() -> str:
    """Return the name of the operating system's user, and of the one who became it with sudo."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        # Containers run as users without a name.
        name = str(number)
    # Other users can set it to anything.
    caller = os.environ.get("SUDO_USER") if number == 0 else None
    return f"{caller} as {name}" if caller else name


def _name(ctx: click.Context) -> str:
    group = ctx.parent.info_name if ctx.parent else None
    return f"{group} {ctx.info_name}"


def _account(params: dict[str, Any]) -> UUID | None:
    for name in _ACCOUNTS:
        if isinstance(params.get(name), str):
            with suppress(DomainError):
                return users.find(params[name]).id
    return None


def _details(params: dict[str, Any]) -> dict[str, str]:
    """Return the options that say something, without texts that may be secret or personal."""
    return {
        name: str(value)
        for name, value in params.items()
        if value not in (None, False, ())
        and (name in _NAMES or isinstance(value, bool | int | float | timedelta | UUID))
    }
