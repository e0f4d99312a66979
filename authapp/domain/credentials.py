"""What a sign-in checks for an address, so that its time does not reveal whose account it is.

Hashes of imported accounts take more or less time than our own, until their owners sign
in. An address without an account therefore borrows the hash of another one.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select

from authapp import clock
from authapp.config import current_settings
from authapp.domain.email_addresses import key_of
from authapp.models import User, db
from authapp.security.derivation import keyed_digest


class Credentials(NamedTuple):
    """An account, and its password hash if it allows sign-in.

    `hash_to_check` is that of another account if this one's may not be used, or does not exist. A
    password that matches it signs no one in.
    """

    user_id: UUID | None
    password_changed_at: datetime | None
    password_hash: str | None
    hash_to_check: str | None


_COLUMNS = (
    User.id,
    User.email_key,
    User.password_changed_at,
    User.password_hash,
    User.disabled_at,
    User.delete_at,
)


def find(email: str) -> Credentials:
    """Return the credentials of the account that owns an address, in any spelling."""
    key = key_of(email)
    if key is None:
        return Credentials(None, None, None, None)
    rows = db.session.execute(select(*_COLUMNS).where(_is_owner_or_lender(key))).all()
    owner = next((row for row in rows if row.email_key == key), None)
    lender = next((row for row in rows if row.email_key != key), owner)
    lent = lender.password_hash if lender is not None else None
    if owner is None:
        return Credentials(None, None, None, lent)
    own = owner.password_hash if _may_sign_in(owner) else None
    return Credentials(owner.id, owner.password_changed_at, own, own or lent)


def _is_owner_or_lender(key: str) -> ColumnElement[bool]:
    """Match the owner of an address, and the account after a point that only we can compute.

    After the last account comes the first. So the hashes that unknown addresses borrow are as fast
    and as slow as those of all accounts, and an address keeps its lender. Every address takes this
    one statement.
    """
    has_address = User.email_verified_at.is_not(None)
    first = select(User.id).where(has_address).order_by(User.lender_position).limit(1)
    after = first.where(User.lender_position >= _point(key))
    return or_(
        and_(User.email_key == key, has_address),
        User.id == func.coalesce(after.scalar_subquery(), first.scalar_subquery()),
    )


def _point(key: str) -> UUID:
    secret = current_settings().secrets.secret_key
    return UUID(bytes=keyed_digest(secret, "lent password hashes", key)[:16])


def _may_sign_in(row: Any) -> bool:
    is_deleted = row.delete_at is not None and row.delete_at <= clock.now()
    return row.disabled_at is None and not is_deleted
