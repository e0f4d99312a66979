"""Addresses with the same key have the same mailbox: `straße.de` is not `strasse.de`.

Keys contain the domain in ASCII (IDNA 2008). Before, they were case-folded as a whole.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any
from unicodedata import normalize

import idna
import sqlalchemy as sa
from alembic import context, op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_users = sa.table(
    "users",
    sa.column("id"),
    sa.column("email"),
    sa.column("email_key"),
    sa.column("email_verified_at"),
)


def upgrade() -> None:
    _rewrite(_key)


def downgrade() -> None:
    _rewrite(str.casefold)


def _key(email: str) -> str:
    local, at, domain = email.rpartition("@")
    if not domain.isascii():
        domain = idna.encode(domain, uts46=True).decode()
    return f"{normalize('NFC', local.lower())}{at}{domain.lower()}"


def _rewrite(key_of: Callable[[str], str]) -> None:
    """Store the keys that differ; changes nothing if two accounts would own the same address."""
    if context.is_offline_mode():
        return
    database = op.get_bind()
    rows = database.execute(sa.select(_users.c["id", "email", "email_key"])).yield_per(1000)
    changed = {id: key_of(email) for id, email, key in rows if key_of(email) != key}
    if shared := _shared(database, changed):
        raise RuntimeError(
            f"These accounts would have the same email address: {'; '.join(shared)}. "
            "Delete all but one of them, or change their addresses, and try again."
        )
    for id, key in changed.items():
        database.execute(sa.update(_users).where(_users.c.id == id).values(email_key=key))


def _shared(database: sa.Connection, changed: Mapping[Any, str]) -> list[str]:
    """Return the ids of verified accounts that a change would give the same key."""
    keys = set(changed.values())
    owners = defaultdict(list)
    verified = sa.select(_users.c["id", "email_key"]).where(_users.c.email_verified_at.is_not(None))
    for id, key in database.execute(verified).yield_per(1000):
        if id in changed or key in keys:
            owners[changed.get(id, key)].append(str(id))
    return [" and ".join(ids) for ids in owners.values() if len(ids) > 1]
