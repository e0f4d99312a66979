"""Roles: names that operators give to accounts, for the programs that accept them.

A session has a copy of its user's roles, so that checking a token finds them in the record that it
reads anyway, and a change reaches every process as the end of a session does.
"""

import re
from collections.abc import Collection
from typing import Final

from authapp.config.readers import ROLE
from authapp.errors import Conflict, InputRefused, NotFound
from authapp.models import RefreshToken, User
from authapp.models.changes import update_where

ADMIN: Final = "admin"
"""Whose holders may open the operators' pages."""

MAX_CHARACTERS: Final = 32
_ALL_CHARACTERS: Final = 255
"""Maximum length of an account's roles together; they are in a header and in access tokens."""


def parse_role(raw: str) -> str:
    """Return the name of a role; raises InputRefused unless it is well-formed."""
    if not re.fullmatch(ROLE, raw):
        raise InputRefused("role", "malformed")
    return raw


def add(user: User, role: str) -> bool:
    """Give a locked account a role, in the caller's transaction; return False if it has it.

    Raises Conflict if the account has too many roles.
    """
    held = user.roles.split()
    if role in held:
        return False
    if len(" ".join([*held, role])) > _ALL_CHARACTERS:
        raise Conflict(f"an account's roles have at most {_ALL_CHARACTERS} characters together")
    _store(user, [*held, role])
    return True


def remove(user: User, role: str) -> None:
    """Take a role from a locked account, in the caller's transaction; raises NotFound."""
    held = user.roles.split()
    if role not in held:
        raise NotFound(f"the account does not have the role {role}")
    held.remove(role)
    _store(user, held)


def _store(user: User, held: Collection[str]) -> None:
    """Store the roles in the account, and in its sessions.

    The account's lock keeps a session from starting with the old ones at the same time.
    """
    user_id, user.roles = user.id, " ".join(sorted(held))
    active = RefreshToken.ended_at.is_(None)
    update_where(RefreshToken, RefreshToken.user_id == user_id, active, roles=user.roles)
